package events

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var lambda = Policy{MaxAge: 6 * time.Hour, Retries: 2, Delay: time.Minute}

// trial runs one event whose attempts end as told, the last verdict repeating.
func trial(t *testing.T, p Policy, verdicts ...Verdict) (at []time.Duration, ended string, when time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		q := New()
		if err := q.Add(p, func() Verdict {
			at = append(at, time.Since(begin))
			return verdicts[min(len(at), len(verdicts))-1]
		}, func(c Condition, ran int) { ended, when = fmt.Sprint(c, " ", ran), time.Since(begin) }); err != nil {
			t.Error(err)
		}
		q.Wait()
		q.Stop()
	})
	return at, ended, when
}

func TestAFailedEventIsTriedAgainAfterOneAndTwoMinutes(t *testing.T) {
	const m = time.Minute
	once := lambda
	once.Retries = 0
	for _, tc := range []struct {
		policy   Policy
		verdicts []Verdict
		at       []time.Duration
		ended    string
	}{
		{lambda, []Verdict{Succeeded}, []time.Duration{0}, "Success 1"},
		{lambda, []Verdict{Failed, Succeeded}, []time.Duration{0, m}, "Success 2"},
		{lambda, []Verdict{Failed}, []time.Duration{0, m, 3 * m}, "RetriesExhausted 3"},
		{once, []Verdict{Failed}, []time.Duration{0}, "RetriesExhausted 1"},
		{lambda, []Verdict{Refused, Failed, Refused, Succeeded}, []time.Duration{0, time.Second, 61 * time.Second, 63 * time.Second}, "Success 2"},
		{lambda, []Verdict{Abandoned}, []time.Duration{0}, ""},
	} {
		if at, ended, _ := trial(t, tc.policy, tc.verdicts...); !slices.Equal(at, tc.at) || ended != tc.ended {
			t.Errorf("%v: attempts at %v, ended %q; want %v, %q", tc.verdicts, at, ended, tc.at, tc.ended)
		}
	}
}

func TestARefusedEventIsTriedLessAndLessOftenUntilItIsTooOld(t *testing.T) {
	at, ended, when := trial(t, lambda, Refused)
	if ended != "EventAgeExceeded 0" || when != lambda.MaxAge {
		t.Errorf("ended %q after %v, want EventAgeExceeded 0 after %v", ended, when, lambda.MaxAge)
	}
	for i := 1; i < len(at); i++ {
		want := min(time.Second<<min(i-1, 20), 5*time.Minute)
		if got := at[i] - at[i-1]; got != want {
			t.Fatalf("pause %d is %v, want %v", i, got, want)
		}
	}
	if len(at) < 70 {
		t.Errorf("%d attempts in 6 h, want one in each 5 minutes at least", len(at))
	}
	short := Policy{MaxAge: 90 * time.Second, Retries: 2, Delay: time.Minute}
	if at, ended, when := trial(t, short, Failed); ended != "EventAgeExceeded 2" || len(at) != 2 || when != short.MaxAge {
		t.Errorf("an event that grows too old between retries: %d attempts, %q after %v", len(at), ended, when)
	}
}

func TestStopDropsWhatWaitsAndRefusesWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, begin := New(), time.Now()
		attempts := 0
		if err := q.Add(lambda, func() Verdict { attempts++; return Failed }, func(Condition, int) { t.Error("a dropped event has ended") }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		q.Stop()
		q.Stop()
		q.Wait()
		if time.Since(begin) != 0 || attempts != 1 {
			t.Errorf("stopped after %v and %d attempts, want at once and 1", time.Since(begin), attempts)
		}
		if err := q.Add(lambda, nil, nil); !errors.Is(err, ErrStopped) {
			t.Errorf("Add after Stop: %v", err)
		}
	})
}
