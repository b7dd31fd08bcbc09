package trees_test

import (
	"strings"
	"testing"
)

func TestInfoTellsWhatAUserOfTheModelWantsToKnow(t *testing.T) {
	info := open(t, "../../examples/vote-xgboost/model.json").Info()
	var text strings.Builder
	for _, f := range info.Facts {
		text.WriteString(f.Name + ": " + f.Value + "\n")
	}
	for _, want := range []string{"objective: binary:logistic", "booster: dart", "trees: 96", "base score: [4.1631356E-1]", "NaN", "categorical"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the facts lack %q:\n%s", want, text.String())
		}
	}
	if info.MaxShards != 96 || info.Library != "xgboost 3.2.0" || info.Format != "xgboost json" || info.Bytes < 1000 || info.Parameters < 1000 {
		t.Errorf("info is %+v", info)
	}
	in := info.Signature.Inputs[0]
	if len(in.Features) != 9 || in.Features[0].Name != "popul" || !in.Missing || len(info.Signature.Outputs) != 3 {
		t.Errorf("signature is %+v", info.Signature)
	}
}
