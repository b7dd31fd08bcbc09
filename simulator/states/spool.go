package states

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/mapreader"
	"github.com/shardwise/shardwise/simulator/states/internal/run"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// spool reads the items of a Map Run once and keeps the inputs of its children, so that a restart or a redrive sees the
// same items although the object has changed.
func (s *Server) spool(ctx context.Context, ex *execution, m *mapRun) error {
	if m.Spooled {
		return nil
	}
	if err := s.clear(m); err != nil {
		return err
	}
	b, err := newBatches(s, m)
	if err != nil {
		return err
	}
	index := 0
	err = s.items(ctx, m.call, func(item any) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v, err := selected(m.call, index, item)
		index++
		if err != nil {
			return err
		}
		return b.add(v)
	})
	if err == nil {
		err = b.flush()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Spooled = true
	return s.db.Write(put(inMapRuns, m.ARN, m))
}

// items calls yield with every item, from the state's input or from S3. The error is a Fault when the items are at fault.
func (s *Server) items(ctx context.Context, call *run.MapCall, yield func(any) error) error {
	reader := call.State.Distributed.Reader
	if reader == nil {
		v, err := call.State.Items.Path.Get(call.Env)
		if err != nil {
			return &run.Fault{Name: run.ErrRuntime, Cause: err.Error()}
		}
		list, ok := v.([]any)
		if !ok {
			return &run.Fault{Name: run.ErrReader, Cause: "Attempting to map over non-iterable node."}
		}
		for _, item := range list {
			if err := yield(item); err != nil {
				return err
			}
		}
		return nil
	}
	source, err := sourceOf(reader, call.Env)
	if err != nil {
		return &run.Fault{Name: run.ErrReader, Cause: err.Error()}
	}
	var inner error // of yield, which is not the reader's
	err = mapreader.Read(ctx, s.cfg.Objects, *source, func(item any) error {
		inner = yield(item)
		return inner
	})
	switch {
	case inner != nil:
		return inner
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &run.Fault{Name: run.ErrReader, Cause: err.Error()}
	}
	return nil
}

// sourceOf evaluates an ItemReader.
func sourceOf(r *asl.Reader, env expr.Env) (*mapreader.Source, error) {
	place, err := location(r.Parameters, env)
	if err != nil {
		return nil, err
	}
	src := &mapreader.Source{List: r.List, Bucket: place["Bucket"], Key: place["Key"], InputType: r.InputType, Headers: r.Headers, Delimiter: r.Delimiter,
		Pointer: r.Pointer, MaxItems: -1}
	if r.List {
		src.Key = place["Prefix"]
	}
	if r.MaxItems.Set {
		n, err := evaluate(r.MaxItems, env)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return nil, errors.New("field MaxItems must be positive")
		}
		src.MaxItems = int64(n)
	}
	return src, nil
}

// location evaluates parameters that name a place in S3.
func location(t *expr.Template, env expr.Env) (map[string]string, error) {
	v, err := t.Eval(env)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	fields, _ := v.(map[string]any)
	for name, w := range fields {
		text, ok := w.(string)
		if !ok {
			return nil, fmt.Errorf("the field '%s' is not a text", name)
		}
		out[name] = text
	}
	return out, nil
}

// evaluate reads a number that may be given by a path.
func evaluate(b asl.Bound, env expr.Env) (float64, error) {
	if b.Path == nil {
		return b.Value, nil
	}
	v, err := b.Path.Get(env)
	if err != nil {
		return 0, err
	}
	n, ok := value.Number(v)
	if !ok {
		return 0, fmt.Errorf("'%s' does not lead to a number", b.Path)
	}
	return n, nil
}

// selected applies ItemSelector to an item.
func selected(call *run.MapCall, index int, item any) (any, error) {
	if call.State.Selector == nil {
		return item, nil
	}
	env := call.Env
	env.Context = call.Context(run.Item{Index: index, Value: item})
	v, err := call.State.Selector.Eval(env)
	if err != nil {
		return nil, &run.Fault{Name: run.ErrRuntime, Cause: fmt.Sprintf("An error occurred while executing the state '%s'. %v", call.State.Name, err)}
	}
	return v, nil
}

// batches puts items together and keeps the inputs of children.
type batches struct {
	s     *Server
	m     *mapRun
	most  int64 // items in a batch, 0 for no limit
	bytes int64 // of a child's input
	input any   // BatchInput
	plain bool  // no batches

	items    []any
	size     int64 // of items, encoded
	overhead int64 // of an input without items
	next     int64
}

func newBatches(s *Server, m *mapRun) (*batches, error) {
	b := &batches{s: s, m: m, bytes: value.MaxBytes, plain: true}
	batcher := m.call.State.Distributed.Batcher
	if batcher == nil {
		return b, nil
	}
	b.plain = false
	fault := func(err error) error {
		return &run.Fault{Name: run.ErrRuntime, Cause: fmt.Sprintf("An error occurred while executing the state '%s'. %v", m.call.State.Name, err)}
	}
	most, err := evaluate(batcher.MaxItems, m.call.Env)
	if err != nil {
		return nil, fault(err)
	}
	bytes, err := evaluate(batcher.MaxBytes, m.call.Env)
	if err != nil {
		return nil, fault(err)
	}
	if batcher.MaxItems.Set && most < 1 || batcher.MaxBytes.Set && (bytes < 1 || bytes > value.MaxBytes) {
		return nil, fault(errors.New("MaxItemsPerBatch must be positive, and MaxInputBytesPerBatch between 1 and 262144."))
	}
	if b.most = int64(most); bytes > 0 {
		b.bytes = int64(bytes)
	}
	if batcher.Input != nil {
		if b.input, err = batcher.Input.Eval(m.call.Env); err != nil {
			return nil, fault(err)
		}
	}
	b.overhead = int64(len(value.Encode(b.whole(nil))))
	return b, nil
}

// whole is the input of a child with these items.
func (b *batches) whole(items []any) any {
	v := map[string]any{"Items": append([]any{}, items...)}
	if b.input != nil {
		v["BatchInput"] = b.input
	}
	return v
}

// add takes an item into the current batch, or into the next one when it does not fit.
func (b *batches) add(item any) error {
	if b.plain {
		return b.keep(item, 1)
	}
	raw, err := value.Bounded(item)
	if err != nil {
		return b.refuse(err)
	}
	size := int64(len(raw)) + 1
	// Every item but the last is followed by a comma.
	if len(b.items) > 0 && b.overhead+b.size+size-1 > b.bytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.items, b.size = append(b.items, item), b.size+size
	if b.most > 0 && int64(len(b.items)) == b.most {
		return b.flush()
	}
	return nil
}

// flush keeps the current batch.
func (b *batches) flush() error {
	if len(b.items) == 0 {
		return nil
	}
	items := b.items
	b.items, b.size = nil, 0
	return b.keep(b.whole(items), int64(len(items)))
}

func (b *batches) refuse(err error) error {
	return &run.Fault{Name: run.ErrReader, Cause: fmt.Sprintf("The input of child execution %d cannot be used: %v", b.next, err)}
}

func (b *batches) keep(input any, items int64) error {
	raw, err := value.Bounded(input)
	if err != nil {
		return b.refuse(err)
	}
	op := put(inItems, below(b.m.ARN, number(b.next)), unit{raw, items})
	b.next++
	return b.s.db.Write(op)
}
