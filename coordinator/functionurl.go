package coordinator

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/shardwise/shardwise/coordinator/httpapi"
	"github.com/shardwise/shardwise/coordinator/oip"
	"github.com/shardwise/shardwise/shard"
	"github.com/shardwise/shardwise/shard/byref"
)

// model is a Coordinator as the protocol's front ends see it.
type model struct{ c *Coordinator }

// Metadata tells the model's signature.
func (m model) Metadata() httpapi.Metadata {
	d := m.c.Describe()
	meta := httpapi.Metadata{ServerVersion: programVersion(), Name: d.Name, Version: m.c.manifest.Version, Platform: d.Platform, Modes: d.Modes}
	for _, t := range d.Inputs {
		meta.Inputs = append(meta.Inputs, httpapi.Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Accepts: t.Accepts, Missing: t.Missing})
	}
	for _, t := range d.Outputs {
		meta.Outputs = append(meta.Outputs, httpapi.Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return meta
}

// programVersion is the version of the module that the running program was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// Refer keeps the response in the store and encodes one that refers to it. Whoever reads the object removes it. Without a
// store the error is a *byref.NoStoreError.
func (m model) Refer(ctx context.Context, r *oip.Response) ([]byte, error) {
	if m.c.store == nil {
		return nil, &byref.NoStoreError{What: "the answer"}
	}
	body, head, err := oip.EncodeObject(r)
	if err != nil {
		return nil, err
	}
	ref, err := m.c.store.Put(ctx, m.c.store.Key(r.ID, uuid.NewString(), "answer"), body)
	if err != nil {
		return nil, &shard.Error{Op: "predict", Kind: shard.KindOf(err), Message: "the answer, which is too large for a message", Cause: err}
	}
	return oip.EncodeRef(r, oip.Ref{URL: "s3://" + m.c.store.Bucket() + "/" + ref.Key, Bytes: ref.Bytes, SHA256: ref.SHA256, Header: head}), nil
}

// Infer answers a decoded request.
func (m model) Infer(ctx context.Context, in *oip.Request) (*oip.Response, error) {
	result, err := m.c.Run(ctx, Request{
		ID: in.ID, Inputs: in.Inputs, Outputs: in.Outputs, Mode: in.Mode, Deadline: time.Duration(in.DeadlineMS) * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	outputs, err := m.c.manifest.ResolveOutputs(in.Outputs)
	if err != nil {
		return nil, err
	}
	r := &oip.Response{Model: m.c.manifest.Name, Version: m.c.manifest.Version, ID: result.Report.Request, Mode: result.Mode, Outputs: result.Outputs}
	for _, o := range outputs {
		r.Names = append(r.Names, o.Name)
	}
	return r, nil
}
