package bootstrap

import "testing"

func TestLimitsFollowTheFunctionsMemory(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want limits
	}{
		{nil, limits{}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "much"}, limits{}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, limits{1, 96 << 20}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}, limits{1, 1769 << 20 / 4 * 3}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1770"}, limits{2, 1770 << 20 / 4 * 3}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, limits{6, 7680 << 20}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "GOMAXPROCS": "2"}, limits{0, 192 << 20}},
		{map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "GOMEMLIMIT": "1GiB"}, limits{1, 0}},
	} {
		if got := limitsOf(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: limits %+v, want %+v", c.env, got, c.want)
		}
	}
}
