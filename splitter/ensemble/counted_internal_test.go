package ensemble

import "testing"

func TestMembersAreCountedInWords(t *testing.T) {
	for n, want := range map[int]string{1: "1 member", 2: "2 members"} {
		if got := counted(n); got != want {
			t.Errorf("%d: %q, wanted %q", n, got, want)
		}
	}
}
