package objects

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store in memory, for tests. The zero value is empty and ready.
type Memory struct {
	// Before, when set, is called ahead of every operation; its error ends the operation and is returned as it is. It may
	// be called concurrently, may use the Memory, and must be set before the first operation.
	Before func(ctx context.Context, op, key string) error

	mu      sync.Mutex // guards what follows
	objects map[string][]byte
	ops     map[string]int
}

func (m *Memory) begin(ctx context.Context, op, key string) error {
	if m.Before != nil {
		if err := m.Before(ctx, op, key); err != nil {
			return err
		}
	}
	m.mu.Lock()
	if m.ops == nil {
		m.ops, m.objects = map[string]int{}, map[string][]byte{}
	}
	m.ops[op]++
	m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return &Error{Op: op, Key: key, Reason: Ended, Cause: err}
	}
	return nil
}

// Get returns a copy of the object.
func (m *Memory) Get(ctx context.Context, key string, size int64) ([]byte, error) {
	if err := m.begin(ctx, "get", key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return nil, &Error{Op: "get", Key: key, Reason: Missing}
	}
	if int64(len(data)) != size {
		return nil, &Error{Op: "get", Key: key, Reason: Size, Cause: fmt.Errorf("wanted %d bytes, found %d", size, len(data))}
	}
	return append(make([]byte, 0, max(size, 8)), data...), nil
}

// Put keeps a copy of data.
func (m *Memory) Put(ctx context.Context, key string, data []byte) error {
	if err := m.begin(ctx, "put", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = slices.Clone(data)
	return nil
}

// Delete removes the object.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := m.begin(ctx, "delete", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Flip changes one bit in the middle of an object.
func (m *Memory) Flip(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	data := m.objects[key]
	if len(data) == 0 {
		return &Error{Op: "put", Key: key, Reason: Missing}
	}
	data[len(data)/2] ^= 0x10
	return nil
}

// Keys lists the objects.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

// Count is how often an operation was begun.
func (m *Memory) Count(op string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops[op]
}
