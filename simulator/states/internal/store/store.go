// Package store keeps the state of the Step Functions simulator in one bbolt file.
//
// Writes are queued and committed in their order, many in one transaction, so that a machine with thousands of child
// executions does not wait for each; one call of Write is never split. Flush waits until all that was queued is in the
// file. The file survives the death of the process at any moment, with a prefix of the writes; it is not synced to the
// disk, so that a power cut may lose or damage it. Only the Step Functions simulator uses this package.
package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// maxQueued is how many bytes may wait for their commit before Write waits.
const maxQueued = 16 << 20

// ErrClosed is returned by everything after Close.
var ErrClosed = errors.New("the store is closed")

// Op sets a key of a bucket, or removes keys.
type Op struct {
	Bucket, Key string
	Value       []byte // nil removes the key
	Prefix      bool   // removes every key that begins with Key
}

// DB is safe for concurrent use.
type DB struct {
	bolt *bolt.DB

	mu      sync.Mutex
	changed sync.Cond // on mu: queue grew, was committed, or closed
	queue   []Op
	bytes   int
	queued  uint64 // writes so far
	done    uint64 // of those, committed
	closed  bool
	err     error // of a commit; nothing is written after it

	writer sync.WaitGroup
}

// Open opens or makes the file, and waits a second for another process that holds it. A file that is damaged is refused, and stays as it is.
// An empty path makes a file that has no name and is gone with the process.
func Open(path string, buckets ...string) (*DB, error) {
	name := path
	if path == "" {
		dir, err := os.MkdirTemp("", "states-")
		if err != nil {
			return nil, fmt.Errorf("open state store: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // the open file stays usable without its name
		name = filepath.Join(dir, "states.db")
	}
	if err := inspect(name); err != nil {
		return nil, fmt.Errorf("open state store %s: %w", name, err)
	}
	file, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: patience, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, NoSync: true, NoGrowSync: true})
	if err != nil {
		return nil, fmt.Errorf("open state store %s: %w", name, opening(err))
	}
	d := &DB{bolt: file}
	d.changed.L = &d.mu
	err = file.Update(func(tx *bolt.Tx) error {
		for _, b := range buckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state store %s: %w", name, err), file.Close())
	}
	d.writer.Go(d.commitAll)
	return d, nil
}

// patience is how long another process may still hold the file.
const patience = time.Second

// inspect refuses a file that is there and is not sound. It holds the file meanwhile, so that nobody writes it.
func inspect(path string) (err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 { // the latter is left by whoever was killed while he made it
		return nil
	}
	if err != nil {
		return err
	}
	held, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: patience})
	if err != nil {
		return opening(err)
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := sound(file); err != nil {
		return damaged(err)
	}
	return nil
}

// opening says what an error of bbolt's means for whoever wanted the file.
func opening(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("another process has it open; end that one, or name another folder: %w", err)
	case errors.As(err, &path):
		return err
	}
	return damaged(err)
}

func damaged(err error) error {
	return fmt.Errorf("it is damaged, and nothing of it was changed: %w; put back a copy of the file, or move it away to begin without the executions that it holds", err)
}

// Write queues the operations, to be committed together. The error is that of an earlier commit.
func (d *DB) Write(ops ...Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.bytes > maxQueued && d.err == nil && !d.closed {
		d.changed.Wait()
	}
	if d.err != nil {
		return d.err
	}
	if d.closed {
		return ErrClosed
	}
	if len(ops) == 0 { // nothing would be committed, and Flush would wait for it
		return nil
	}
	for _, op := range ops {
		d.bytes += len(op.Value) + len(op.Key)
	}
	d.queue = append(d.queue, ops...)
	d.queued++
	d.changed.Broadcast()
	return nil
}

// Flush returns when everything that was queued before is in the file.
func (d *DB) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for want := d.queued; d.done < want && d.err == nil; {
		d.changed.Wait()
	}
	return d.err
}

// commitAll is the one writer.
func (d *DB) commitAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		for len(d.queue) == 0 {
			if d.closed {
				return
			}
			d.changed.Wait()
		}
		ops, upTo := d.queue, d.queued
		d.queue, d.bytes = nil, 0
		d.mu.Unlock()
		err := d.commit(ops)
		d.mu.Lock()
		if err != nil {
			d.err = fmt.Errorf("write state store: %w", err)
			d.changed.Broadcast()
			return
		}
		d.done = upTo
		d.changed.Broadcast()
	}
}

func (d *DB) commit(ops []Op) error {
	return d.bolt.Update(func(tx *bolt.Tx) error {
		for _, op := range ops {
			b := tx.Bucket([]byte(op.Bucket))
			if b == nil {
				return fmt.Errorf("there is no bucket %s", op.Bucket)
			}
			if err := apply(b, op); err != nil {
				return fmt.Errorf("bucket %s, key %q: %w", op.Bucket, op.Key, err)
			}
		}
		return nil
	})
}

func apply(b *bolt.Bucket, op Op) error {
	key := []byte(op.Key)
	switch {
	case op.Prefix:
		var keys [][]byte // deleting while a cursor walks may skip
		c := b.Cursor()
		for k, _ := c.Seek(key); k != nil && bytes.HasPrefix(k, key); k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	case op.Value == nil:
		return b.Delete(key)
	}
	return b.Put(key, op.Value)
}

// Get returns a copy of a value, nil when there is none. It sees every earlier Write.
func (d *DB) Get(bucket, key string) (v []byte, err error) {
	if err := d.Flush(); err != nil {
		return nil, err
	}
	err = d.bolt.View(func(tx *bolt.Tx) error {
		v = bytes.Clone(tx.Bucket([]byte(bucket)).Get([]byte(key)))
		return nil
	})
	return v, err
}

// Scan calls f with each key that begins with prefix, in their order from the key from on, until f returns false. It
// sees every earlier Write. f may keep what it gets, and must not use the store.
func (d *DB) Scan(bucket, prefix, from string, f func(key string, v []byte) bool) error {
	if err := d.Flush(); err != nil {
		return err
	}
	return d.bolt.View(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Seek([]byte(max(prefix, from))); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if !f(string(k), bytes.Clone(v)) {
				return nil
			}
		}
		return nil
	})
}

// Close commits what is queued and closes the file.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	d.changed.Broadcast()
	d.mu.Unlock()
	d.writer.Wait()
	return errors.Join(d.err, d.bolt.Close())
}
