package shard

import (
	"context"
	"encoding/json"

	"github.com/shardwise/shardwise/internal/manifest"
)

// Facts are what a shard says of itself when asked to describe; the reply is this object as JSON.
type Facts struct {
	Model       string          `json:"model"`
	Version     string          `json:"version"`
	Fingerprint string          `json:"fingerprint"`
	Shard       int             `json:"shard"`
	Of          int             `json:"of"`
	Steps       []string        `json:"steps"`
	Engines     []string        `json:"engines"` // of Steps, by position
	WeightBytes int64           `json:"weight_bytes"`
	Trees       *manifest.Trees `json:"trees,omitempty"`
	LoadUS      int64           `json:"load_us"` // what opening took
	Cold        bool            `json:"cold"`    // nothing has been inferred yet
}

func (s *Server) describe() ([]byte, error) {
	f := Facts{
		Model: s.manifest.Name, Version: s.manifest.Version, Fingerprint: s.fingerprint, Shard: s.index, Of: len(s.manifest.Shards),
		Steps: s.steps(), WeightBytes: s.assets.Bytes(), Trees: s.manifest.Shards[s.index].Trees,
		LoadUS: s.loaded.Microseconds(), Cold: !s.answered.Load(),
	}
	for _, p := range s.manifest.Shards[s.index].Programs {
		f.Engines = append(f.Engines, p.Engine)
	}
	return json.Marshal(f)
}

// Warmth is the reply to a warm request as JSON: how much was read and checked, and how long it took.
type Warmth struct {
	Bytes int64 `json:"bytes"`
	US    int64 `json:"us"`
}

func (s *Server) warm(ctx context.Context) ([]byte, error) {
	start := s.now()
	if err := s.assets.Warm(ctx); err != nil {
		return nil, err
	}
	return json.Marshal(Warmth{Bytes: s.assets.Bytes(), US: s.now().Sub(start).Microseconds()})
}
