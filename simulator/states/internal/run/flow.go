package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/asl"
	"github.com/shardwise/shardwise/simulator/states/internal/expr"
	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// execute runs the state's own work. It returns the state's output and the state that comes next, empty at an end.
func (s *scope) execute(ctx context.Context, st *asl.State) (out any, next string, err error) {
	in, err := s.selected(st.InputPath, s.input, "InputPath")
	if err != nil {
		return nil, "", err
	}
	switch st.Type {
	case "Fail":
		return nil, "", s.failState(st)
	case "Succeed":
		out, err = s.selected(st.OutputPath, in, "OutputPath")
		return out, "", err
	case "Choice":
		if next, err = s.choose(st, in); err != nil {
			return nil, "", err
		}
		out, err = s.selected(st.OutputPath, in, "OutputPath")
		return out, next, err
	case "Wait":
		if err := s.wait(ctx, st, in); err != nil {
			return nil, "", err
		}
		out, err = s.selected(st.OutputPath, in, "OutputPath")
		return out, st.Next, err
	}
	result, err := s.work(ctx, st, in)
	if err != nil {
		return nil, "", err
	}
	out, err = s.output(st, result)
	return out, st.Next, err
}

// work runs the states that have a result.
func (s *scope) work(ctx context.Context, st *asl.State, in any) (any, error) {
	if st.Type == "Map" {
		if st.Distributed != nil {
			return s.distributed(ctx, st, in)
		}
		return s.inlineMap(ctx, st, in)
	}
	args := in
	if st.Parameters != nil {
		var err error
		if args, err = s.fill(st.Parameters, in); err != nil {
			return nil, err
		}
	}
	switch st.Type {
	case "Task":
		return s.task(ctx, st, args)
	case "Parallel":
		return s.parallel(ctx, st, args)
	}
	if st.HasResult {
		return st.Result, nil
	}
	return args, nil
}

// selected applies InputPath or OutputPath.
func (s *scope) selected(sel asl.Selection, v any, field string) (any, error) {
	if sel.Null {
		return map[string]any{}, nil
	}
	out, err := sel.Path.Get(s.env(v))
	if err != nil {
		return nil, s.runtimeFault(ErrRuntime, fmt.Errorf("Invalid path '%s' for '%s': %w", sel.Path, field, err))
	}
	return out, nil
}

// fill fills a payload template in.
func (s *scope) fill(t *expr.Template, v any) (any, error) {
	out, err := t.Eval(s.env(v))
	if err == nil {
		return out, nil
	}
	if i := (*expr.IntrinsicError)(nil); errors.As(err, &i) {
		return nil, s.runtimeFault(ErrIntrinsic, err)
	}
	return nil, s.runtimeFault(ErrRuntime, err)
}

// output applies ResultSelector, ResultPath and OutputPath to a result.
func (s *scope) output(st *asl.State, result any) (any, error) {
	if st.ResultSelector != nil {
		var err error
		if result, err = s.fill(st.ResultSelector, result); err != nil {
			return nil, err
		}
	}
	out, err := place(st.ResultPath, s.input, result)
	if err != nil {
		return nil, s.runtimeFault(ErrResultPath, err)
	}
	return s.selected(st.OutputPath, out, "OutputPath")
}

// place puts a result where ResultPath says.
func place(p asl.Placement, input, result any) (any, error) {
	switch {
	case p.Discard:
		return input, nil
	case p.Whole:
		return result, nil
	}
	return p.Ref.Set(input, result)
}

func (s *scope) choose(st *asl.State, in any) (string, error) {
	env := s.env(in)
	for _, r := range st.Rules {
		ok, err := r.Match(env)
		if err != nil {
			return "", s.runtimeFault(ErrRuntime, err)
		}
		if ok {
			return r.Next, nil
		}
	}
	if st.Default == "" {
		return "", s.runtimeFault(ErrNoChoice, errors.New("Failed to transition out of the state. The state has no rule that matches its input, and no Default."))
	}
	return st.Default, nil
}

// wait waits until a time that is kept, so that a restart does not wait anew.
func (s *scope) wait(ctx context.Context, st *asl.State, in any) error {
	if s.p.Wake.IsZero() {
		until, err := s.waitUntil(st.Wait, in)
		if err != nil {
			return err
		}
		s.p.Wake = until
		if err := s.commit(s.p, false); err != nil {
			return err
		}
	}
	return sleep(ctx, s.p.Wake)
}

func (s *scope) waitUntil(w asl.Waiting, in any) (time.Time, error) {
	switch {
	case w.Seconds.Set:
		n, err := s.bound(w.Seconds, in, "SecondsPath")
		if err != nil {
			return time.Time{}, err
		}
		if n < 0 || n > 99999999 {
			return time.Time{}, s.runtimeFault(ErrRuntime, fmt.Errorf("Expected a value between 0 and 99999999 for 'SecondsPath', but was %v", n))
		}
		return s.p.Since.Add(time.Duration(n * float64(time.Second))), nil
	case w.Path == nil:
		return w.Timestamp, nil
	}
	v, err := w.Path.Get(s.env(in))
	if err != nil {
		return time.Time{}, s.runtimeFault(ErrRuntime, err)
	}
	text, _ := v.(string)
	t, err := asl.ParseTimestamp(text)
	if err != nil {
		return time.Time{}, s.runtimeFault(ErrRuntime, fmt.Errorf("The TimestampPath '%s' does not lead to a timestamp: %w", w.Path, err))
	}
	return t, nil
}

// bound evaluates a number that may be given by a path, which has to lead to a number.
func (s *scope) bound(b asl.Bound, in any, field string) (float64, error) {
	if b.Path == nil {
		return b.Value, nil
	}
	v, err := b.Path.Get(s.env(in))
	if err != nil {
		return 0, s.runtimeFault(ErrRuntime, err)
	}
	n, ok := value.Number(v)
	if !ok {
		return 0, s.runtimeFault(ErrRuntime, fmt.Errorf("The %s '%s' does not lead to a number", field, b.Path))
	}
	return n, nil
}

// failState is the fault that a Fail state raises.
func (s *scope) failState(st *asl.State) error {
	name, err := s.words(st.Error, "ErrorPath")
	if err != nil {
		return err
	}
	cause, err := s.words(st.Cause, "CausePath")
	if err != nil {
		return err
	}
	return &Fault{name, clip(cause)}
}

func (s *scope) words(t asl.Text, field string) (string, error) {
	if t.Expr == nil {
		return t.Value, nil
	}
	v, err := t.Expr.Eval(s.env(s.input))
	if err != nil {
		return "", s.runtimeFault(ErrRuntime, err)
	}
	text, ok := v.(string)
	if !ok {
		return "", s.runtimeFault(ErrRuntime, fmt.Errorf("The %s does not lead to a text", field))
	}
	return text, nil
}
