package xgboost

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// arrayOf reads text as an array of floats, and again as one of integers.
func arrayOf(t *testing.T, text string) ([]float32, []int32, error, error) {
	t.Helper()
	reading := func() *decoder {
		s := &jsonStream{}
		s.reset(strings.NewReader(text), 0, int64(len(text)))
		d := &decoder{s: s}
		if err := d.read(); err != nil {
			t.Fatal(err)
		}
		return d
	}
	var floats []float32
	var ints []int32
	errFloats := reading().floats(&floats)
	errInts := reading().ints(&ints)
	return floats, ints, errFloats, errInts
}

// Runs of numbers are what each number is alone, bit by bit: near midpoints between floats, and at the ends of the buffer.
func TestRunsOfNumbersAreReadLikeSingleOnes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var texts []string
	var want []float32
	for len(texts) < 20000 {
		bits := rng.Uint32()
		v := math.Float32frombits(bits)
		if v != v || math.IsInf(float64(v), 0) {
			continue
		}
		if len(texts)%2 == 0 { // numbers as they stand in models
			v = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(12)-6)))
		}
		next := math.Nextafter32(v, 2*v)
		middle := (float64(v) + float64(next)) / 2
		text := [...]string{strconv.FormatFloat(float64(v), 'E', -1, 32), strconv.FormatFloat(float64(v), 'E', 7, 64), strconv.FormatFloat(float64(v), 'e', 9, 64),
			strconv.FormatFloat(middle, 'E', 14, 64), strconv.FormatFloat(middle, 'E', -1, 64), strconv.FormatFloat(middle, 'E', 13, 64),
			fmt.Sprintf("%dE%d", rng.IntN(10), rng.IntN(60)-30), fmt.Sprintf("-0.%dE-%d", rng.IntN(3), 1+rng.IntN(9)), strconv.Itoa(rng.IntN(100))}[rng.IntN(9)]
		if rng.IntN(2) == 0 { // as XGBoost writes them
			text = strings.NewReplacer("E+0", "E", "E-0", "E-", "E+", "E").Replace(text)
		}
		exact, err := strconv.ParseFloat(text, 32)
		if err != nil && exact == 0 {
			t.Fatalf("%s: %v", text, err)
		}
		texts, want = append(texts, text), append(want, float32(exact))
	}
	got, _, err, _ := arrayOf(t, "["+strings.Join(texts, ",")+"]")
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d of %d numbers, error %v", len(got), len(want), err)
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Errorf("%s is read as %x, wanted %x", texts[i], got[i], want[i])
		}
	}
}

func TestRunsOfIntegersAreReadLikeSingleOnes(t *testing.T) {
	for text, want := range map[string]string{
		"1,2,3":                           "[1 2 3]",
		"0,-1,0,2147483647,-2147483648,7": "[0 -1 0 2147483647 -2147483648 7]",
		"5, 6 ,7":                         "[5 6 7]",
		"1,999999999,1000000000":          "[1 999999999 1000000000]",
		"1,true,2":                        "[1 1 2]",
		"1,01":                            "not a number",
		"1,-":                             "lone minus",
		"1,-01":                           "not a number",
		"1,2147483648":                    "32 bits",
		"1,2.5":                           "wanted an integer",
		"1,2E1":                           "wanted an integer",
		"1,,2":                            "found ','",
		"1,":                              "comma",
		"1,2}":                            "found '}'",
	} {
		_, got, _, err := arrayOf(t, "["+text+"]")
		if says := fmt.Sprint(got); err == nil && says != want {
			t.Errorf("[%s] is read as %s, wanted %s", text, says, want)
		} else if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("[%s]: error %v, wanted %s", text, err, want)
		}
	}
	long := strings.TrimSuffix(strings.Repeat("12,-345,6,", 60000), ",") // ends of the buffer fall anywhere
	floats, got, errFloats, err := arrayOf(t, "["+long+"]")
	if err != nil || errFloats != nil || len(got) != 180000 || len(floats) != 180000 {
		t.Fatalf("%d integers and %d floats, errors %v, %v", len(got), len(floats), err, errFloats)
	}
	for i, v := range got {
		if want := [...]int32{12, -345, 6}[i%3]; v != want || floats[i] != float32(want) {
			t.Fatalf("entry %d is %d and %v, wanted %d", i, v, floats[i], want)
		}
	}
}

// BenchmarkRuns reads an array of floats in runs, and reports how much longer it takes token by token.
func BenchmarkRuns(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString("[1.5E0")
	for range 100_000 {
		text.WriteString("," + strconv.FormatFloat(rng.NormFloat64(), 'E', 7, 32))
	}
	text.WriteString("]")
	open := func() *decoder {
		s := &jsonStream{}
		s.reset(strings.NewReader(text.String()), 0, int64(text.Len()))
		d := &decoder{s: s}
		if err := d.read(); err != nil {
			b.Fatal(err)
		}
		return d
	}
	var runs, tokens time.Duration
	var values []float32
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		start := time.Now()
		if err := open().floats(&values); err != nil {
			b.Fatal(err)
		}
		runs += time.Since(start)
		b.StopTimer()
		start, d := time.Now(), open()
		for d.t.kind != arrayEnd {
			if err := d.read(); err != nil {
				b.Fatal(err)
			}
		}
		tokens += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(tokens)/float64(runs), "tokens/runs")
}
