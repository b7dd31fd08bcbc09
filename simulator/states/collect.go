package states

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/history"
	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// maxFile is the size at which a file of results is written and another begun. AWS's files grow to 5 GB; these are held in
// memory until they are written.
const maxFile = 64 << 20

// collect makes the result of a Map Run: the children's outputs, or where a ResultWriter has put them.
func (s *Server) collect(ctx context.Context, m *mapRun) (any, error) {
	w := m.call.State.Distributed.Writer
	if w == nil {
		w = &asl.Writer{Transformation: "COMPACT"}
	}
	if w.Parameters != nil {
		return s.export(ctx, m, w)
	}
	list, size := []any{}, 0
	err := s.eachResult(m, func(i int64, u unit, c *child) error {
		var v any
		switch {
		case w.Transformation == "NONE":
			v = record(m, u, c)
		case c == nil || c.Status != succeeded:
			v = slot(c)
		default:
			var err error
			if v, err = value.Decode(c.Output); err != nil {
				return err
			}
		}
		if size += len(value.Encode(v)) + 1; size > value.MaxBytes+2 {
			return &run.Fault{Name: run.ErrDataLimit, Cause: fmt.Sprintf(run.SizeCause, m.call.State.Name)}
		}
		if inner, ok := v.([]any); ok && w.Transformation == "FLATTEN" {
			list = append(list, inner...)
		} else {
			list = append(list, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.written(m)
	return list, nil
}

// written counts the results of all children that ended, as AWS does with and without a ResultWriter.
func (s *Server) written(m *mapRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Items.ResultsWritten, m.Children.ResultsWritten = m.Items.Total-m.Items.Pending, m.Children.Total-m.Children.Pending
}

// slot stands in the result for a child that failed within the tolerance.
func slot(c *child) any {
	out := map[string]any{"Status": "PENDING"}
	if c != nil {
		out["Status"] = c.Status
		if c.Error != "" {
			out["Error"] = c.Error
		}
		if c.Cause != "" {
			out["Cause"] = c.Cause
		}
	}
	return out
}

// eachResult calls f with each child's input and result, nil for none, in the order of the items.
func (s *Server) eachResult(m *mapRun, f func(i int64, u unit, c *child) error) error {
	return s.eachUnit(m, func(i int64, u unit) (bool, error) {
		raw, err := s.db.Get(inResults, below(m.ARN, number(i)))
		if err != nil {
			return false, err
		}
		var c *child
		if raw != nil {
			c = &child{}
			if err := json.Unmarshal(raw, c); err != nil {
				return false, err
			}
		}
		return true, f(i, u, c)
	})
}

// record is what a result file tells of a child.
func record(m *mapRun, u unit, c *child) map[string]any {
	out := map[string]any{"Input": string(u.Input), "InputDetails": map[string]any{"Included": true}, "StateMachineArn": m.MachineARN}
	if c == nil {
		out["Status"] = "PENDING"
		return out
	}
	ex := execution{Status: c.Status, Stop: c.Stop, MapRun: m.ARN}
	out["ExecutionArn"], out["Name"], out["Status"] = c.ARN, c.Name, c.Status
	out["StartDate"], out["StopDate"] = history.Stamp(c.Start), history.Stamp(c.Stop)
	if m.Type == standard {
		status, reason := ex.redriveStatus()
		out["RedriveCount"], out["RedriveStatus"] = c.Redrives, status
		if reason != "" {
			out["RedriveStatusReason"] = reason
		}
	}
	if c.Status == succeeded {
		out["Output"], out["OutputDetails"] = string(c.Output), map[string]any{"Included": true}
		return out
	}
	if c.Error != "" {
		out["Error"] = c.Error
	}
	if c.Cause != "" {
		out["Cause"] = c.Cause
	}
	return out
}

// exporter writes the files of a ResultWriter.
type exporter struct {
	s          *Server
	ctx        context.Context
	w          *asl.Writer
	bucket, at string // at ends with "/"
	files      map[string][]any
	open       map[string]*bytes.Buffer
}

// export writes results and manifest. The same results are written to the same keys when it is repeated.
func (s *Server) export(ctx context.Context, m *mapRun, w *asl.Writer) (any, error) {
	place, err := location(w.Parameters, m.call.Env)
	if err != nil {
		return nil, &run.Fault{Name: run.ErrWriter, Cause: err.Error()}
	}
	id := m.ARN[strings.LastIndexByte(m.ARN, ':')+1:]
	e := &exporter{s: s, ctx: ctx, w: w, bucket: place["Bucket"], at: id + "/", open: map[string]*bytes.Buffer{},
		files: map[string][]any{succeeded: {}, failed: {}, "PENDING": {}}}
	if p := strings.TrimSuffix(place["Prefix"], "/"); p != "" {
		e.at = p + "/" + e.at
	}
	err = s.eachResult(m, func(_ int64, u unit, c *child) error { return e.add(m, u, c) })
	for _, group := range []string{succeeded, failed, "PENDING"} {
		if err == nil {
			err = e.close(group)
		}
	}
	if err == nil {
		manifest := map[string]any{"DestinationBucket": e.bucket, "MapRunArn": m.ARN, "ResultFiles": e.files}
		err = s.cfg.Objects.Put(ctx, e.bucket, e.at+"manifest.json", value.Encode(manifest))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &run.Fault{Name: run.ErrWriter, Cause: err.Error()}
	}
	s.written(m)
	return map[string]any{"MapRunArn": m.ARN, "ResultWriterDetails": map[string]any{"Bucket": e.bucket, "Key": e.at + "manifest.json"}}, nil
}

// add writes a child's result to the file of its group.
func (e *exporter) add(m *mapRun, u unit, c *child) error {
	group := "PENDING"
	if c != nil {
		group = failed
		if c.Status == succeeded {
			group = succeeded
		}
	}
	if group != succeeded || e.w.Transformation == "NONE" {
		return e.write(group, value.Encode(record(m, u, c)))
	}
	v, err := value.Decode(c.Output)
	if err != nil {
		return err
	}
	if list, ok := v.([]any); ok && e.w.Transformation == "FLATTEN" {
		for _, item := range list {
			if err := e.write(group, value.Encode(item)); err != nil {
				return err
			}
		}
		return nil
	}
	return e.write(group, c.Output)
}

func (e *exporter) write(group string, raw []byte) error {
	b := e.open[group]
	if b != nil && b.Len()+len(raw) > maxFile {
		if err := e.close(group); err != nil {
			return err
		}
		b = nil
	}
	if b == nil {
		b = &bytes.Buffer{}
		e.open[group] = b
	}
	switch {
	case e.w.Lines:
	case b.Len() == 0:
		b.WriteByte('[')
	default:
		b.WriteByte(',')
	}
	b.Write(raw)
	if e.w.Lines {
		b.WriteByte('\n')
	}
	return nil
}

// close puts a group's open file.
func (e *exporter) close(group string) error {
	b := e.open[group]
	if b == nil {
		return nil
	}
	delete(e.open, group)
	suffix := "jsonl"
	if !e.w.Lines {
		suffix = "json"
		b.WriteByte(']')
	}
	key := fmt.Sprintf("%s%s_%d.%s", e.at, group, len(e.files[group]), suffix)
	e.files[group] = append(e.files[group], map[string]any{"Key": key, "Size": b.Len()})
	return e.s.cfg.Objects.Put(e.ctx, e.bucket, key, b.Bytes())
}
