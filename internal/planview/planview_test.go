package planview_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/shardwise/shardwise/internal/planview"
	"github.com/shardwise/shardwise/splitter"
	"github.com/shardwise/shardwise/splitter/plan"
)

func survey(t *testing.T, file string, o plan.Options, w plan.Wish) *plan.Survey {
	t.Helper()
	s, err := splitter.Plan(t.Context(), "../../examples/"+file, o, w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// texts are the words of an SVG, which must be well formed.
func texts(t *testing.T, svg []byte) string {
	t.Helper()
	var out []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(out, "\n")
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if data, ok := token.(xml.CharData); ok {
			out = append(out, string(data))
		}
	}
}

func TestPlansShowShardsRoundsAndBytes(t *testing.T) {
	for _, c := range []struct {
		file  string
		o     plan.Options
		w     plan.Wish
		wants []string
	}{
		{"digits-mlp/model.onnx", plan.Options{Kind: plan.Tensor}, plan.Wish{Shards: []int{2}}, []string{"tensor: 2 shards", "shard 0", "shard 1", "round 0", "128 of 256", "256 B", "merges and answers"}},
		{"dlrm-dcnv2.json", plan.Options{Kind: plan.TablesByRows}, plan.Wish{Shards: []int{64}}, []string{"64 shards of", "others; the first is drawn", "% of the rows", "table_20"}},
	} {
		s := survey(t, c.file, c.o, c.w)
		var b bytes.Buffer
		if err := planview.SVG(&b, s.Chosen); err != nil {
			t.Fatal(err)
		}
		words := texts(t, b.Bytes())
		for _, want := range c.wants {
			if !strings.Contains(words, want) {
				t.Errorf("%s: %q is not in the picture:\n%s", c.file, want, words)
			}
		}
		if n := strings.Count(b.String(), `class="box"`); n > 8*len(s.Chosen.Plan.Stages) {
			t.Errorf("%s: %d boxes", c.file, n)
		}
		for _, bad := range []string{"<script", "http://fonts", "https://", "@import"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%s: the picture has %s", c.file, bad)
			}
		}
	}
}

func TestFrontiersAreDrawnInBothFormats(t *testing.T) {
	s := survey(t, "digits-mlp/model.onnx", plan.Options{}, plan.Wish{})
	var svg, pic bytes.Buffer
	if err := planview.Plot(&svg, "a.svg", s); err != nil {
		t.Fatal(err)
	}
	if words := texts(t, svg.Bytes()); !strings.Contains(words, "chosen") || !strings.Contains(words, "1 × ") {
		t.Errorf("the plot says\n%s", words)
	}
	if err := planview.Plot(&pic, "a.PNG", s); err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(&pic); err != nil || img.Bounds().Dx() < 500 {
		t.Errorf("the picture: %v", err)
	}
	if planview.Plottable("a.pdf") || planview.Plottable("svg") || !planview.Plottable("x/y.svg") {
		t.Error("another ending than .svg and .png is taken, or one of them is not")
	}
}

func TestPartsNameWhatIsCutAndWhatIsWhole(t *testing.T) {
	s := survey(t, "dlrm-dcnv2.json", plan.Options{Kind: plan.TablesByRows}, plan.Wish{Shards: []int{11}, MemoryMB: []int{10240}})
	stages := planview.Describe(s.Chosen)
	parts := stages[0].Parts()
	all := strings.Join(parts, "\n")
	for _, want := range []string{"cut: table_20, 40,000,000 rows: 20,000,000 on shard", "whole on shard"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	for at, b := range stages[0].Boxes {
		if b.Bytes > 10<<30 || b.Bytes == 0 {
			t.Errorf("shard %d holds %d bytes", stages[0].Shards[at], b.Bytes)
		}
	}
}
