package program

import (
	"maps"

	"github.com/shardwise/shardwise/internal/engine/experts"
	"github.com/shardwise/shardwise/internal/graph"
)

// localExperts leaves a layer the experts of the shard's units, with their weights. The inputs are the shard's already.
func (w *regionWriter) localExperts(n *graph.Node, node int) {
	own := maps.Clone(n.Attrs)
	maps.DeleteFunc(own, func(name string, _ graph.Attr) bool { return experts.IsBody(name) })
	each := w.p.Region.ExpertsEach(node)
	for i := w.lo * each; i < w.hi*each; i++ {
		own[experts.BodyName(i-w.lo*each)] = n.Attrs[experts.BodyName(i)]
	}
	n.Attrs = WholeNode(w.s.Graph.Graph, &graph.Node{Name: n.Name, Domain: n.Domain, Op: n.Op, Attrs: own}, w.g, w.use).Attrs
}
