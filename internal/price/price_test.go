package price_test

import (
	"math"
	"testing"
	"time"

	"github.com/shardwise/shardwise/internal/price"
)

func TestUsageCostsWhatTheTableSays(t *testing.T) {
	var u price.Usage
	for range 1_000_000 {
		u.Add(100*time.Millisecond, 1024, 512)
	}
	// A million requests of 0.1 s with 1 GB: 100,000 GB-seconds and one million requests.
	for architecture, want := range map[string]float64{price.X86: 0.20 + 1.66667, price.ARM: 0.20 + 1.33334} {
		if got := u.USD(architecture); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v USD, wanted %v", architecture, got, want)
		}
	}
	var v price.Usage
	v.Add(time.Second, 128, 512+1024)
	if v.StorageGBs != 1 || v.GBSeconds != 0.125 || v.BilledMilli != 1000 {
		t.Errorf("a second of 128 MB with 1 GB of paid storage: %+v", v)
	}
	if s := u.Plus(v); s.Requests != 1_000_001 || s.BilledMilli != 100_001_000 {
		t.Errorf("the sum is %+v", s)
	}
}

func TestEveryPriceSaysHowItIsKnown(t *testing.T) {
	for _, p := range price.Table() {
		if p.USD <= 0 || p.Item == "" || p.Per == "" || p.Source == "" || p.Knowledge == "" {
			t.Errorf("incomplete: %+v", p)
		}
	}
}

func TestExpressExecutionsAreBilledInSteps(t *testing.T) {
	for d, steps := range map[time.Duration]float64{0: 0, time.Millisecond: 1, 100 * time.Millisecond: 1, 101 * time.Millisecond: 2, time.Minute: 600} {
		if got := price.ExpressGBSeconds(d); math.Abs(got-steps*0.1/16) > 1e-12 {
			t.Errorf("%s: %v GB-seconds, wanted %v steps of 64 MB", d, got, steps)
		}
	}
}
