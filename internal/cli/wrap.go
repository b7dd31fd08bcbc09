package cli

import "strings"

// fold breaks a line of a table that is wider than width. What follows goes below the last cell that begins in the first
// three fifths; cells are two spaces apart.
func fold(line string, width int) []string {
	r := []rune(line)
	indent := 0
	for indent < len(r) && r[indent] == ' ' {
		indent++
	}
	hang := indent + 2
	for i := indent + 2; i < len(r) && i <= width*3/5; i++ {
		if r[i] != ' ' && r[i-1] == ' ' && r[i-2] == ' ' {
			hang = i
		}
	}
	return wrap(line, width, hang)
}

// wrap breaks a line at spaces, so that none is wider than width; all but the first are indented by hang. A word that has
// no room is cut.
func wrap(line string, width, hang int) []string {
	width = max(width, 20)
	hang = min(hang, width/2+width/8)
	rest := []rune(line)
	var lines []string
	indent := ""
	for len([]rune(indent))+len(rest) > width {
		room := width - len([]rune(indent))
		at := room
		for at > 0 && rest[at] != ' ' {
			at--
		}
		if strings.TrimSpace(string(rest[:at])) == "" {
			at = room
		}
		lines = append(lines, indent+strings.TrimRight(string(rest[:at]), " "))
		rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
		indent = strings.Repeat(" ", hang)
	}
	return append(lines, indent+string(rest))
}

// sayWrapped writes a line to standard error in the width of its terminal, further lines indented by two more.
func (a *App) sayWrapped(line string) {
	for _, l := range wrap(line, a.Width, len(line)-len(strings.TrimLeft(line, " "))+2) {
		a.say("%s", l)
	}
}
