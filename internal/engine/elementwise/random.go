package elementwise

import "github.com/shardwise/shardwise/internal/engine"

// random: Bernoulli, Multinomial, RandomNormal, RandomNormalLike, RandomUniform and RandomUniformLike are refused in
// every version. Their answers would differ from run to run, and a retry must give the same bits.
func random() engine.Table {
	t := engine.Table{}
	for _, op := range []string{"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"} {
		t[engine.Key{Op: op}] = []engine.Operator{{Since: 1, Build: func(s *engine.Site) (engine.Kernel, error) {
			return nil, s.Refuse("it draws random numbers, and the same request must always give the same answer")
		}}}
	}
	return t
}
