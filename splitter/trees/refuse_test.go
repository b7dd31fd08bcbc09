package trees_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/splitter/layout"
	"github.com/shardwise/shardwise/splitter/trees"
)

// Feature names that a manifest cannot hold are refused by the feature's number, before anything is written.
func TestFeatureNamesThatNoManifestHoldsAreRefused(t *testing.T) {
	for name, runs := range map[string]bool{"a\nb": false, "\x7f": false, strings.Repeat("x", 257): false, "\xff": false,
		strings.Repeat("x", 256): true, "Größe (cm)": true} {
		s := newStumps(4, 3)
		s.e.Features[0].Name, s.e.Features[1].Name, s.e.Features[2].Name = "age", name, "height"
		_, err := lay(t, s, layout.Options{Shards: 2})
		var refusal *layout.RefusalError
		switch {
		case runs && err != nil:
			t.Errorf("%.20q: %v", name, err)
		case !runs && (!errors.As(err, &refusal) || !strings.Contains(refusal.Subject, "feature 1") || !strings.Contains(refusal.Remedy, "rename")):
			t.Errorf("%.20q: error %v, wanted a refusal of feature 1 that says rename", name, err)
		}
	}
}

func TestShardsTimesOutputsAreBounded(t *testing.T) {
	s := newStumps(80, 3)
	s.e.Objective, s.e.Outputs, s.e.Init = "multi:softprob", 1<<14, make([]float32, 1<<14)
	_, err := lay(t, s, layout.Options{Shards: 65})
	var refusal *layout.RefusalError
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Remedy, "at most 64 shards") {
		t.Errorf("65 shards of 16384 outputs: error %v, wanted a refusal that names 64 shards", err)
	}
}

func TestInfoHandsRemarksOnAndTellsTheShardsOnce(t *testing.T) {
	s := newStumps(5, 2)
	s.e.Remarks = []string{"mind the gap"}
	info := trees.NewModel(s).Info()
	if !slices.Equal(info.Notes, s.e.Remarks) || info.MaxShards != 5 || strings.Contains(fmt.Sprint(info.Facts), "shards") {
		t.Errorf("info is %+v", info)
	}
}

// An addition errs by no more than the leaf: a large base score does not make the promise of mode sum grow with the trees.
func TestSumModePromisesNoMoreThanTheLeavesCanLose(t *testing.T) {
	for _, n := range []int{1, 100} {
		s := newStumps(n, 3)
		s.e.Init = []float32{1 << 30}
		l, err := lay(t, s, layout.Options{Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		got := l.Manifest.Signature.Outputs[1].Rules["sum"].Abs
		// In float32 every leaf of 1 is lost, and the sum itself is rounded to a multiple of 128.
		if least, most := float64(n), float64(n)+129; got < least || got > most {
			t.Errorf("%d leaves of 1 on a base of 2^30: the margin may be off by %v, wanted %v to %v", n, got, least, most)
		}
	}
}
