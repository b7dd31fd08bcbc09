package states

// KeepStop keeps that an execution is to stop, as a server does that is killed before it has stopped it.
func (s *Server) KeepStop(arn string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ex := s.executions[arn]
	ex.Stopping = &stopped{"E", "C"}
	return s.db.Write(s.keep(ex)...)
}

// Running is how many executions of the store are marked as running.
func (s *Server) Running() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ex := range s.order {
		if ex.Status == running {
			n++
		}
	}
	return n
}

// SetRedrives sets how often every Map Run was redriven.
func (s *Server) SetRedrives(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mapRuns {
		m.Redrives = n
	}
}
