package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	bolt "go.etcd.io/bbolt"
)

// Numbers of bbolt's file format, version 2: a page has a head of 16 bytes (number, kind, count of elements, pages that
// follow), and its elements stand before their keys and values.
const (
	magic      = 0xED0CDAED
	version    = 2
	headBytes  = 16
	metaBytes  = 64
	element    = 16
	branchPage = 1
	leafPage   = 2
	freePage   = 16
	bucketFlag = 1          // of a leaf's element
	noFreeList = ^uint64(0) // where a list of free pages could be

	minPage, maxPage = 1 << 10, 1 << 16
	maxDepth         = 64 // of a tree; pages of many keys keep one far below
)

// checker reads a file's pages one by one. bbolt maps the file and believes it: a page that is not what it should be ends the
// process there, so everything that bbolt follows is followed here first.
type checker struct {
	file *os.File
	size int64
	page int64  // bytes of one
	end  uint64 // the first page that is not in use
	seen []uint64
}

// sound reports what is wrong with a file, which nobody may write meanwhile. It reads all pages in use, and writes nothing.
func sound(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	c := &checker{file: file, size: info.Size()}
	root, free, err := c.meta()
	if err != nil {
		return err
	}
	if need := int64(c.end) * c.page; c.end > uint64(c.size) || need > c.size {
		return fmt.Errorf("it has %d bytes, and its first page says %d pages of %d: it is cut short", c.size, c.end, c.page)
	}
	c.seen = make([]uint64, c.end/64+1)
	c.seen[0] = 3 // the pages that meta has read
	if free != noFreeList {
		if err := c.freeList(free); err != nil {
			return err
		}
	}
	return c.tree(root, nil, nil, 0)
}

// meta reads the two first pages, of which the newer one that is whole counts.
func (c *checker) meta() (root, free uint64, err error) {
	newest := int64(-1)
	var size uint32 // the second page's place is told by the first, or is one of a few
	for at := int64(0); at <= maxPage; at = max(2*at, minPage) {
		b := make([]byte, headBytes+metaBytes)
		if n, err := c.file.ReadAt(b, at); n < len(b) {
			if at == 0 {
				return 0, 0, fmt.Errorf("it has no first page: %w", err)
			}
			break
		}
		m := b[headBytes:]
		if sum := fnv.New64a(); binary.NativeEndian.Uint32(m) != magic || binary.NativeEndian.Uint32(m[4:]) != version {
			continue
		} else if _, err := sum.Write(m[:56]); err != nil || sum.Sum64() != binary.NativeEndian.Uint64(m[56:]) {
			continue
		}
		page := binary.NativeEndian.Uint32(m[8:])
		if at > 0 && at != int64(page) || page < minPage || page > maxPage || page&(page-1) != 0 {
			continue
		}
		if tx := binary.NativeEndian.Uint64(m[48:]); int64(tx) > newest {
			newest, size = int64(tx), page
			root, free, c.end = binary.NativeEndian.Uint64(m[16:]), binary.NativeEndian.Uint64(m[32:]), binary.NativeEndian.Uint64(m[40:])
		}
	}
	if newest < 0 {
		return 0, 0, errors.New("it is no bbolt file of version 2, or both its first pages are damaged")
	}
	c.page = int64(size)
	return root, free, nil
}

// read reads a page with those that continue it, once.
func (c *checker) read(id uint64) ([]byte, error) {
	head := make([]byte, headBytes)
	if id < 2 || id >= c.end {
		return nil, fmt.Errorf("page %d is referred to, and the last is %d", id, c.end-1)
	}
	if _, err := c.file.ReadAt(head, int64(id)*c.page); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if own := binary.NativeEndian.Uint64(head); own != id || id+more >= c.end {
		return nil, fmt.Errorf("page %d calls itself %d, with %d more, of %d", id, own, more, c.end)
	}
	for i := id; i <= id+more; i++ {
		if c.seen[i/64]&(1<<(i%64)) != 0 {
			return nil, fmt.Errorf("page %d is there twice", i)
		}
		c.seen[i/64] |= 1 << (i % 64)
	}
	b := make([]byte, int64(more+1)*c.page)
	if _, err := c.file.ReadAt(b, int64(id)*c.page); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}

// freeList wants a list without pages: this package keeps none.
func (c *checker) freeList(id uint64) error {
	b, err := c.read(id)
	if err != nil {
		return err
	}
	if kind, n := binary.NativeEndian.Uint16(b[8:]), binary.NativeEndian.Uint16(b[10:]); kind != freePage || n != 0 {
		return fmt.Errorf("page %d: wanted an empty list of free pages, found kind %d with %d", id, kind, n)
	}
	return nil
}

// tree checks a tree whose keys begin with least, by which the page above knows it, and stay below most; nil is no bound.
func (c *checker) tree(id uint64, least, most []byte, depth int) error {
	b, err := c.read(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("page %d lies %d levels deep", id, depth)
	}
	kind := binary.NativeEndian.Uint16(b[8:])
	if kind == leafPage {
		return c.leaf(id, b, least, most, depth)
	}
	if kind != branchPage {
		return fmt.Errorf("page %d: wanted a page of keys, found kind %d", id, kind)
	}
	keys, err := elements(id, b, least, most, func(e []byte) (at, key, value uint32) {
		return binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]), 0
	})
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("page %d leads nowhere", id)
	}
	for i := 0; i < len(keys) && err == nil; i++ {
		next := most
		if i+1 < len(keys) {
			next = keys[i+1].key
		}
		err = c.tree(binary.NativeEndian.Uint64(keys[i].head[8:]), keys[i].key, next, depth+1)
	}
	return err
}

// leaf checks a page of values, and the trees of the buckets among them.
func (c *checker) leaf(id uint64, b, least, most []byte, depth int) error {
	keys, err := elements(id, b, least, most, func(e []byte) (at, key, value uint32) {
		return binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:])
	})
	for i := 0; i < len(keys) && err == nil; i++ {
		k := keys[i]
		switch flags := binary.NativeEndian.Uint32(k.head); {
		case flags == 0:
		case flags != bucketFlag || len(k.value) < headBytes:
			err = fmt.Errorf("page %d: element %d of kind %d has %d bytes", id, i, flags, len(k.value))
		case binary.NativeEndian.Uint64(k.value) != 0:
			err = c.tree(binary.NativeEndian.Uint64(k.value), nil, nil, depth+1)
		case len(k.value) < 2*headBytes || binary.NativeEndian.Uint16(k.value[headBytes+8:]) != leafPage || depth > maxDepth:
			err = fmt.Errorf("page %d: bucket %d within it is none", id, i)
		default:
			err = c.leaf(id, k.value[headBytes:], nil, nil, depth+1)
		}
	}
	return err
}

// entry is one element of a page: its own 16 bytes, and what they lead to.
type entry struct{ head, key, value []byte }

// elements reads a page's elements; split tells of one where its key begins, and the lengths of key and value.
func elements(id uint64, page, least, most []byte, split func([]byte) (at, key, value uint32)) ([]entry, error) {
	n := int(binary.NativeEndian.Uint16(page[10:]))
	if headBytes+n*element > len(page) {
		return nil, fmt.Errorf("page %d of %d bytes has %d elements", id, len(page), n)
	}
	list := make([]entry, n)
	for i := range list {
		from := headBytes + i*element
		head := page[from : from+element]
		at, key, value := split(head)
		if int64(from)+int64(at)+int64(key)+int64(value) > int64(len(page)) {
			return nil, fmt.Errorf("page %d: element %d leads behind its end", id, i)
		}
		e := entry{head, page[from+int(at):][:key], page[from+int(at)+int(key):][:value]}
		if key < 1 || key > bolt.MaxKeySize {
			return nil, fmt.Errorf("page %d: key %d has %d bytes", id, i, key)
		}
		if i == 0 && least != nil && !bytes.Equal(e.key, least) || i > 0 && bytes.Compare(e.key, list[i-1].key) <= 0 || most != nil && bytes.Compare(e.key, most) >= 0 {
			return nil, fmt.Errorf("page %d: key %d is not in its place", id, i)
		}
		list[i] = e
	}
	return list, nil
}
