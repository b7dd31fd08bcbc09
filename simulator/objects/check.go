//go:build unix

package objects

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// refusal is an S3 error that this package answers itself.
type refusal struct {
	status  int
	code    string
	message string
}

// write sends the error in S3's form. A client that has hung up is not told.
func (f *refusal) write(w http.ResponseWriter, r *http.Request) {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: f.code, Message: f.message})
	if err != nil {
		panic("objects: two strings do not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append([]byte(xml.Header), body...))
	}
}

func notImplemented(what string) *refusal {
	return &refusal{http.StatusNotImplemented, "NotImplemented", "the simulator does not emulate " + what + "; docs/simulator.md lists what it does not"}
}

// queries are the parameters that have a meaning here; X-Amz- ones belong to a presigned URL.
func queries() []string {
	return []string{"uploads", "uploadId", "partNumber", "location", "delete", "list-type", "prefix", "delimiter", "marker", "max-keys",
		"continuation-token", "start-after", "fetch-owner", "encoding-type", "key-marker", "upload-id-marker", "max-uploads",
		"part-number-marker", "max-parts", "x-id", "AWSAccessKeyId", "Signature", "Expires"}
}

// headers are the request headers, beside those for signing, that have a meaning here.
func headers() []string {
	return []string{"X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amz-Copy-Source",
		"X-Amz-Metadata-Directive", "X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Te",
		"X-Amz-Checksum-Mode", "X-Amz-Checksum-Algorithm", "X-Amz-Checksum-Type", "X-Amz-Mp-Object-Size", "X-Amz-Expected-Bucket-Owner"}
}

// check refuses what the library would ignore: an access list, an encryption or a tag that is accepted and not kept is worse
// than none.
func check(r *http.Request) *refusal {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains(queries(), name) && !strings.HasPrefix(name, "X-Amz-") && !strings.HasPrefix(name, "response-") {
			return notImplemented("the parameter " + name)
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") && !slices.Contains(headers(), name) && !strings.HasPrefix(name, "X-Amz-Meta-") &&
			!strings.HasPrefix(name, "X-Amz-Checksum-") {
			return notImplemented("the header " + name)
		}
	}
	upload := q.Get("uploadId") != ""
	switch {
	case upload && r.Header.Get("X-Amz-Copy-Source") != "":
		return notImplemented("UploadPartCopy")
	case upload && r.Method == http.MethodPost && (r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") != ""):
		return notImplemented("a condition on CompleteMultipartUpload")
	case !upload && q.Get("partNumber") != "":
		return notImplemented("reading one part of an object")
	case strings.EqualFold(r.Header.Get("X-Amz-Metadata-Directive"), "REPLACE"):
		return notImplemented("replacing metadata in a copy")
	case r.Method == http.MethodDelete && r.Header.Get("If-Match") != "":
		return notImplemented("a condition on DeleteObject")
	}
	return nil
}
