package run

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// FuzzRun runs whatever definition is accepted: it ends with a value, a fault of the language, or because it is cut off.
func FuzzRun(f *testing.F) {
	for _, s := range []string{
		everything,
		`{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"a.$":"$..b[?(@.c > 1)]","d.$":"States.Format('{}', $)"},"ResultPath":"$.r[0].s","Next":"B"},"B":{"Type":"Choice","Choices":[{"Not":{"Variable":"$.r","IsPresent":true},"Next":"A"}],"Default":"C"},"C":{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.JsonToString($)"}}}`,
		`{"TimeoutSeconds":1,"StartAt":"A","States":{"A":{"Type":"Map","ItemsPath":"$.l","MaxConcurrencyPath":"$.n","ItemSelector":{"v.$":"$$.Map.Item.Value"},"End":true,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":1,"BackoffRate":1e308,"JitterStrategy":"FULL"}],"Iterator":{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.v","Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"TimeoutSecondsPath":"$.t","End":true}}}}}}`,
	} {
		f.Add([]byte(s), []byte(`{"l":[1,{"v":0}],"n":2,"b":[{"c":2}],"t":1}`))
	}
	f.Fuzz(func(t *testing.T, definition, input []byte) {
		m, _ := asl.Parse(definition, true) // without Maps in DISTRIBUTED mode, which are not this package's
		v, err := value.Decode(input)
		if m == nil || err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		r := &Runner{Journal: &recorder{left: 500, kept: map[string][]byte{}}, Lambda: echo{}, Draw: func() float64 { return 0 },
			Execution: map[string]any{}, Machine: map[string]any{}}
		out, err := r.Run(ctx, m, v, 0)
		if err == nil {
			_, err = value.Bounded(out)
		} else if faultOf(err) != nil || errors.Is(err, errDied) || errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if err != nil {
			t.Errorf("%s of %s ends with %v", definition, input, err)
		}
	})
}
