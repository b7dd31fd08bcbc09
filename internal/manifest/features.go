package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// FeatureError says that a manifest requires features that this version does not have.
type FeatureError struct{ Names []string }

// Error names the features.
func (e *FeatureError) Error() string {
	return fmt.Sprintf("the manifest requires %s, which this version does not know; use the version that wrote it, or a later one",
		strings.Join(e.Names, ", "))
}

// Features lists, ascending, the names that Manifest.Requires may hold. What every reader of the format knows needs no
// name: the merges concat, sum and ordered_sum, the scatters replicate, slice and select. Every other merge is the
// feature "merge.KIND", every other scatter "scatter.KIND"; "stage.subset" is a stage's input or output that only some of its shards have, "stage.routes" a stage with routes,
// "rows.none" a signature without rows.
func Features() []string {
	names := []string{"scatter." + ScatterRoute, "scatter." + ScatterRows, featureSubset, featureRoutes, featureRowsNone}
	for _, kind := range mergeKinds() {
		if !basicMerge(kind) {
			names = append(names, "merge."+kind)
		}
	}
	slices.Sort(names)
	return names
}

const (
	// featureSubset is the feature of StageInput.To and StageOutput.From.
	featureSubset   = "stage.subset"
	featureRoutes   = "stage.routes"
	featureRowsNone = "rows." + RowsNone
)

func basicMerge(kind string) bool {
	return kind == MergeConcat || kind == MergeSum || kind == MergeOrderedSum
}

func basicScatter(kind string) bool {
	return kind == ScatterReplicate || kind == ScatterSlice || kind == ScatterSelect
}

// Needs lists, ascending, the features that the manifest's signature and steps use: Requires must name at least these.
func (m *Manifest) Needs() []string {
	var names []string
	if m.Signature.Rows == RowsNone {
		names = append(names, featureRowsNone)
	}
	for _, s := range m.Steps {
		if s.Stage == nil {
			continue
		}
		if len(s.Stage.Routes) > 0 {
			names = append(names, featureRoutes)
		}
		for _, in := range s.Stage.Inputs {
			if !basicScatter(in.Scatter.Kind) {
				names = append(names, "scatter."+in.Scatter.Kind)
			}
			if len(in.To) > 0 {
				names = append(names, featureSubset)
			}
		}
		for _, out := range s.Stage.Outputs {
			if !basicMerge(out.Merge.Kind) {
				names = append(names, "merge."+out.Merge.Kind)
			}
			if len(out.From) > 0 {
				names = append(names, featureSubset)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func knownFeatures(required []string) error {
	var unknown []string
	for _, name := range required {
		if !slices.Contains(Features(), name) {
			unknown = append(unknown, fmt.Sprintf("%.80q", name))
		}
	}
	if unknown != nil {
		return &FeatureError{Names: unknown}
	}
	return nil
}
