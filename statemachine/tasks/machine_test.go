package tasks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/statemachine/storage"
)

// memory is object storage in memory.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte // by bucket/key
	fail    func(op, key string) error
}

func (m *memory) at(op, bucket, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(op, key); err != nil {
			return nil, err
		}
	}
	data, ok := m.objects[bucket+"/"+key]
	if !ok && op != "put" {
		return nil, &shard.Error{Op: op + " " + key, Kind: shard.NotFound}
	}
	return data, nil
}

func (m *memory) Size(_ context.Context, bucket, key string) (int64, error) {
	data, err := m.at("size", bucket, key)
	return int64(len(data)), err
}

func (m *memory) Open(_ context.Context, bucket, key string, from, to int64) (io.ReadCloser, error) {
	data, err := m.at("open", bucket, key)
	if err != nil {
		return nil, err
	}
	if to < 0 {
		to = int64(len(data))
	}
	return io.NopCloser(strings.NewReader(string(data[from:to]))), nil
}

func (m *memory) Read(_ context.Context, bucket, key string) ([]byte, error) {
	data, err := m.at("open", bucket, key)
	return append(make([]byte, 0, len(data)+8), data...), err
}

func (m *memory) Put(_ context.Context, bucket, key string, data []byte) error {
	if _, err := m.at("put", bucket, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[bucket+"/"+key] = slices.Clone(data)
	return nil
}

func (m *memory) Join(ctx context.Context, bucket, key string, pieces []storage.Piece) error {
	var all []byte
	for _, p := range pieces {
		data := p.Data
		if data == nil {
			whole, err := m.at("open", p.Bucket, p.Key)
			if err != nil {
				return err
			}
			data = whole[p.From:p.To]
		}
		all = append(all, data...)
	}
	return m.Put(ctx, bucket, key, all)
}

func (m *memory) Create(_ context.Context, bucket, key string, data []byte) (bool, error) {
	if _, err := m.at("put", bucket, key); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.objects[bucket+"/"+key]
	if !there {
		m.objects[bucket+"/"+key] = slices.Clone(data)
	}
	return !there, nil
}

func (m *memory) Writable(_ context.Context, bucket, key string) error {
	_, err := m.at("put", bucket, key)
	return err
}

func (m *memory) List(_ context.Context, bucket, prefix string) ([]storage.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []storage.Object
	for _, name := range slices.Sorted(maps.Keys(m.objects)) {
		if key, ok := strings.CutPrefix(name, bucket+"/"); ok && strings.HasPrefix(key, prefix) {
			list = append(list, storage.Object{Key: key, Bytes: int64(len(m.objects[name]))})
		}
	}
	return list, nil
}

func (m *memory) Delete(_ context.Context, bucket, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, bucket+"/"+key)
	return nil
}

// machine runs the part of the states language that the definitions use, straight from their text: what a service would do,
// without its retries, history and quotas.
type machine struct {
	invoke func(function string, payload []byte) ([]byte, error)
	read   func(bucket, key string) ([]byte, error)
	twice  bool // deliver every task twice
	failed map[int]error
}

type object = map[string]any

func (m *machine) run(def object, input any, contextObject object) (any, error) {
	at := def["StartAt"].(string)
	for {
		state := def["States"].(object)[at].(object)
		out, err := m.state(state, input, contextObject)
		if err != nil {
			return nil, fmt.Errorf("state %s: %w", at, err)
		}
		if end, _ := state["End"].(bool); end {
			return out, nil
		}
		input, at = out, state["Next"].(string)
	}
}

func (m *machine) state(s object, input any, c object) (any, error) {
	var result any
	var err error
	switch s["Type"] {
	case "Task":
		result, err = m.task(s, input, c)
	case "Parallel":
		var list []any
		for _, b := range s["Branches"].([]any) {
			r, err := m.run(b.(object), input, c)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		result = list
	case "Map":
		result, err = m.mapped(s, input)
	}
	if err != nil {
		return nil, err
	}
	if selector, ok := s["ResultSelector"].(object); ok {
		result = fill(selector, result, c)
	}
	if raw, ok := s["ResultPath"]; ok {
		if raw == nil {
			result = input
		} else {
			merged := maps.Clone(input.(object))
			merged[strings.TrimPrefix(raw.(string), "$.")] = result
			result = merged
		}
	}
	if p, ok := s["OutputPath"].(string); ok {
		result = lookup(p, result, c)
	}
	return result, nil
}

func (m *machine) task(s object, input any, c object) (any, error) {
	parameters := fill(s["Parameters"], input, c).(object)
	payload, err := json.Marshal(parameters["Payload"])
	if err != nil {
		return nil, err
	}
	reply, err := m.invoke(parameters["FunctionName"].(string), payload)
	if err == nil && m.twice {
		reply, err = m.invoke(parameters["FunctionName"].(string), payload)
	}
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(reply, &v)
	return object{"Payload": v, "StatusCode": 200.0}, err
}

func (m *machine) mapped(s object, input any) (any, error) {
	where := fill(s["ItemReader"].(object)["Parameters"], input, nil).(object)
	data, err := m.read(where["Bucket"].(string), where["Key"].(string))
	if err != nil {
		return nil, err
	}
	var items []any
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, err
	}
	tolerated, _ := s["ToleratedFailureCount"].(float64)
	m.failed = map[int]error{}
	for i, item := range items {
		c := object{"Map": object{"Item": object{"Value": item, "Index": float64(i)}}}
		if _, err := m.run(s["ItemProcessor"].(object), fill(s["ItemSelector"], input, c), c); err != nil {
			m.failed[i] = err
		}
	}
	if float64(len(m.failed)) > tolerated {
		return nil, fmt.Errorf("States.ExceedToleratedFailureThreshold: %v", m.failed)
	}
	return object{"MapRunArn": "arn"}, nil
}

// fill makes a payload template's value.
func fill(template, input any, c object) any {
	switch t := template.(type) {
	case object:
		out := object{}
		for k, v := range t {
			if name, ok := strings.CutSuffix(k, ".$"); ok {
				out[name] = lookup(v.(string), input, c)
			} else {
				out[k] = fill(v, input, c)
			}
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i := range t {
			out[i] = fill(t[i], input, c)
		}
		return out
	}
	return template
}

// lookup follows a reference path, or formats with one.
func lookup(path string, input any, c object) any {
	if rest, ok := strings.CutPrefix(path, "States.Format('"); ok {
		format, argument, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "', ")
		return strings.Replace(format, "{}", fmt.Sprint(lookup(argument, input, c)), 1)
	}
	if rest, ok := strings.CutPrefix(path, "$$"); ok {
		return lookup("$"+rest, c, nil)
	}
	v := input
	for _, name := range strings.Split(strings.TrimPrefix(path, "$"), ".")[1:] {
		name, index, indexed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		v = v.(object)[name]
		if v == nil {
			panic("path " + path + " leads nowhere")
		}
		if indexed {
			i, err := strconv.Atoi(index)
			if err != nil {
				panic(err)
			}
			v = v.([]any)[i]
		}
	}
	return v
}
