// Package mapreader reads the items of a Map Run from S3: JSON arrays, JSON Lines and CSV as they stream in, and lists of
// objects. It holds one item at a time.
//
// Causes of faults are AWS's where they are known. Only the Step Functions simulator uses it.
package mapreader

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/shardwise/shardwise/simulator/states/internal/value"
)

// MaxItem is AWS's limit of one item before ItemSelector, in bytes.
const MaxItem = 8 << 20

// errNotIterable is AWS's cause when there is no array where one is read.
var errNotIterable = errors.New("Attempting to map over non-iterable node.")

// Object is what a listing tells of one object.
type Object struct {
	Key, ETag, StorageClass string
	Size                    int64
	LastModified            time.Time
}

// Objects is the part of S3 that a reader needs.
type Objects interface {
	// Get opens an object; the caller closes it.
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
	// List returns a page of the objects below prefix in the order of their keys, and the token of the next page, empty
	// at the end. The first page's token is empty.
	List(ctx context.Context, bucket, prefix, token string) (page []Object, next string, err error)
}

// Source is what is read.
type Source struct {
	List      bool
	Bucket    string
	Key       string   // of an object, or the prefix of a list
	InputType string   // JSON, JSONL or CSV
	Headers   []string // of CSV; nil for the first row
	Delimiter byte
	Pointer   string // JSON pointer to the array in a JSON object
	MaxItems  int64  // read no more; negative for all
}

// Read calls yield with each item. The error is yield's own, or says what is wrong with the source.
func Read(ctx context.Context, objects Objects, s Source, yield func(item any) error) error {
	left := s.MaxItems
	limited := func(item any) error {
		if left == 0 {
			return errEnough
		}
		left--
		return yield(item)
	}
	err := s.read(ctx, objects, limited)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends the reading at MaxItems.
var errEnough = errors.New("enough items")

func (s Source) read(ctx context.Context, objects Objects, yield func(any) error) error {
	if s.MaxItems == 0 {
		return nil
	}
	if s.List {
		return list(ctx, objects, s, yield)
	}
	body, err := objects.Get(ctx, s.Bucket, s.Key)
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, s.Key, err)
	}
	defer body.Close()
	var r io.Reader = body
	switch {
	case strings.HasSuffix(s.Key, ".gz"):
		if r, err = gzip.NewReader(body); err != nil {
			return fmt.Errorf("read s3://%s/%s: %w", s.Bucket, s.Key, err)
		}
	case strings.HasSuffix(s.Key, ".zst"):
		return fmt.Errorf("read s3://%s/%s: the simulator does not read zstd; use gzip, or no compression", s.Bucket, s.Key)
	}
	switch s.InputType {
	case "JSONL":
		return ScanLines(r, yield)
	case "CSV":
		return ScanCSV(r, s.Headers, s.Delimiter, yield)
	}
	return ScanJSON(r, s.Pointer, yield)
}

func list(ctx context.Context, objects Objects, s Source, yield func(any) error) error {
	token := ""
	for {
		page, next, err := objects.List(ctx, s.Bucket, s.Key, token)
		if err != nil {
			return fmt.Errorf("list s3://%s/%s: %w", s.Bucket, s.Key, err)
		}
		for _, o := range page {
			item := map[string]any{"Etag": o.ETag, "Key": o.Key, "LastModified": o.LastModified.Unix(), "Size": o.Size, "StorageClass": o.StorageClass}
			if err := yield(item); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		token = next
	}
}

// ScanJSON yields the elements of the array at a JSON pointer, without holding the whole of it.
func ScanJSON(r io.Reader, pointer string, yield func(any) error) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	if pointer != "" {
		for _, step := range strings.Split(pointer[1:], "/") {
			if err := descend(d, strings.NewReplacer("~1", "/", "~0", "~").Replace(step)); err != nil {
				return err
			}
		}
	}
	if t, err := d.Token(); err != nil {
		return fmt.Errorf("the object is not JSON: %w", err)
	} else if t != json.Delim('[') {
		return errNotIterable
	}
	for i := 0; d.More(); i++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("element %d is not JSON: %w", i, err)
		}
		if err := decoded(raw, fmt.Sprintf("element %d", i), yield); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("the array does not end: %w", err)
	}
	return nil
}

// descend goes to a field of an object, or an element of an array, without reading what stands before it into memory.
func descend(d *json.Decoder, step string) error {
	missing := fmt.Errorf("there is nothing at '%s' of ItemsPointer", step)
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("the object is not JSON: %w", err)
	}
	index, isIndex := strconv.Atoi(step)
	for i := 0; d.More(); i++ {
		here := t == json.Delim('[') && isIndex == nil && i == index
		if t == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return fmt.Errorf("the object is not JSON: %w", err)
			}
			here = name == step
		} else if t != json.Delim('[') {
			return missing
		}
		if here {
			return nil
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return fmt.Errorf("the object is not JSON: %w", err)
		}
	}
	return missing
}

func decoded(raw []byte, what string, yield func(any) error) error {
	if len(raw) > MaxItem {
		return fmt.Errorf("%s has %d bytes, more than %d", what, len(raw), MaxItem)
	}
	v, err := value.Decode(raw)
	if err != nil {
		return fmt.Errorf("%s is not JSON: %w", what, err)
	}
	return yield(v)
}

// ScanLines yields the value of each line that is not blank.
func ScanLines(r io.Reader, yield func(any) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), MaxItem+1)
	for n := 1; lines.Scan(); n++ {
		if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
			if err := decoded(text, fmt.Sprintf("line %d", n), yield); err != nil {
				return err
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line has more than %d bytes", MaxItem)
	}
	return lines.Err()
}

// ScanCSV yields each row as an object of texts. A row with fewer fields than headers has empty texts for the missing
// ones, what it has more is left out, as on AWS.
func ScanCSV(r io.Reader, headers []string, delimiter byte, yield func(any) error) error {
	c := csv.NewReader(r)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = rune(delimiter), -1, true
	if headers == nil {
		first, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		headers = append(headers, first...)
		headers[0] = strings.TrimPrefix(headers[0], "\ufeff")
	}
	seen := map[string]bool{}
	for _, h := range headers {
		if seen[h] {
			return errors.New("CSV headers cannot contain duplicates.")
		}
		seen[h] = true
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		item := make(map[string]any, len(headers))
		for i, h := range headers {
			item[h] = ""
			if i < len(row) {
				item[h] = row[i]
			}
		}
		if err := yield(item); err != nil {
			return err
		}
	}
}
