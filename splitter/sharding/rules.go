package sharding

import "maps"

// ruler makes the rule of a node, or nil when its operands leave nothing to cut.
type ruler func(n *node) *rule

// rules are the rules of all operators, by operator name, with the domain in front where it is not ai.onnx.
func rules() map[string]ruler {
	all := map[string]ruler{}
	for _, family := range []map[string]ruler{elementwiseRules(), productRules(), convRules(), shapeRules(), gatherRules(), expertRules(), reduceRules(), normRules()} {
		maps.Copy(all, family)
	}
	return all
}

// ruleOf is the rule of a node, nil when it has none: no cut goes through the node then.
func (g *Graph) ruleOf(n *node) *rule {
	if !n.ranked() {
		return nil
	}
	key := n.Op
	if n.Domain != "" {
		key = n.Domain + "." + n.Op
	}
	build, ok := g.rules[key]
	if !ok {
		return nil
	}
	return build(n)
}
