package states

import (
	"cmp"
	"slices"
)

type tagging struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type tagRequest struct {
	ARN  string    `json:"resourceArn"`
	Tags []tagging `json:"tags"`
	Keys []string  `json:"tagKeys"`
}

func (s *Server) tag(in *tagRequest) (any, *apiError)   { return s.retag(in) }
func (s *Server) untag(in *tagRequest) (any, *apiError) { return s.retag(in) }

func (s *Server) retag(in *tagRequest) (any, *apiError) {
	had, refused := s.find(in.ARN)
	if refused != nil {
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", in.ARN)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := *had
	m.Tags = map[string]string{}
	for k, v := range had.Tags {
		m.Tags[k] = v
	}
	for _, t := range in.Tags {
		m.Tags[t.Key] = t.Value
	}
	for _, k := range in.Keys {
		delete(m.Tags, k)
	}
	if refused := s.keepMachine(&m, nil); refused != nil {
		return nil, refused
	}
	return map[string]any{}, nil
}

func (s *Server) listTags(in *tagRequest) (any, *apiError) {
	m, refused := s.find(in.ARN)
	if refused != nil {
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", in.ARN)
	}
	list := []tagging{}
	for k, v := range m.Tags {
		list = append(list, tagging{k, v})
	}
	slices.SortFunc(list, func(a, b tagging) int { return cmp.Compare(a.Key, b.Key) })
	return map[string]any{"tags": list}, nil
}
