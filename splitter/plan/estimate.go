package plan

import (
	"math"
	"slices"

	"github.com/shardwise/shardwise/splitter/partition"
)

// Estimate is what a plan is reckoned to take for one request. Times are in milliseconds, sizes in bytes.
type Estimate struct {
	WarmMS         float64 `json:"warm_ms"`
	ColdMS         float64 `json:"cold_ms"`         // every function starts anew
	CostPerMillion float64 `json:"usd_per_million"` // US dollars for a million requests, all warm
	Rounds         []Round `json:"rounds"`
	LocalMS        float64 `json:"coordinator_ms"`      // what the coordinator computes itself
	ShardWeights   []int64 `json:"shard_weights_bytes"` // by shard
	LocalWeights   int64   `json:"coordinator_weights_bytes"`
	ShardNeeds     []int64 `json:"shard_memory_bytes"` // weights, process and rows in flight, by shard
}

// Round is one stage of an Estimate.
type Round struct {
	Shards         int     `json:"shards"`
	RequestBytes   int64   `json:"request_bytes"` // to all shards together, before base64
	ReplyBytes     int64   `json:"reply_bytes"`
	LargestRequest int64   `json:"largest_request_bytes"`
	LargestReply   int64   `json:"largest_reply_bytes"`
	ComputeMS      float64 `json:"compute_ms"` // of the slowest shard
	MS             float64 `json:"ms"`         // of the whole round, with its messages
	Requests       []int64 `json:"-"`          // by position
	Replies        []int64 `json:"-"`
}

// need is the memory that the hungriest function of a shard takes.
func (e *Estimate) need() int64 { return slices.Max(e.ShardNeeds) }

// at reckons a profile with functions of so much memory.
func (p *profile) at(m *CostModel, memoryMB, coordinatorMB int) *Estimate {
	vcpu, local := m.vcpu(memoryMB), m.vcpu(coordinatorMB)
	out := &Estimate{ShardWeights: p.weights, LocalWeights: p.own, LocalMS: m.compute(p.local, local)}
	for s, w := range p.weights {
		out.ShardNeeds = append(out.ShardNeeds, w+partition.FixedBytes+p.perRow[s]*partition.MemoryRows)
	}
	bill := bill{m: m, gb: float64(memoryMB) / 1024}
	cold := 0.0
	for k := range p.rounds {
		rp := &p.rounds[k]
		r := Round{Requests: rp.request, Replies: rp.reply}
		coldest := 0.0
		for at, s := range rp.shards {
			if rp.asked[at] == 0 {
				continue
			}
			r.Shards++
			ms := m.compute(rp.work[at], vcpu)
			in, reply := rp.request[at], rp.reply[at]
			r.RequestBytes, r.ReplyBytes = r.RequestBytes+in, r.ReplyBytes+reply
			r.LargestRequest, r.LargestReply = max(r.LargestRequest, in), max(r.LargestReply, reply)
			r.ComputeMS = max(r.ComputeMS, ms)
			bill.add(rp.asked[at], ms+m.codec(in+reply, vcpu), in, reply)
			if rp.wakes[at] {
				coldest = max(coldest, m.ColdStartMS+float64(p.weights[s])/m.ColdLoadMBs/1e3)
			}
		}
		r.MS = m.roundTrip(r.Shards) + m.wire(r.LargestRequest, m.RequestMBs) + m.wire(r.LargestReply, m.ReplyMBs) +
			m.codec(r.RequestBytes+r.ReplyBytes, local) + m.codec(r.LargestRequest+r.LargestReply, vcpu) + r.ComputeMS
		out.Rounds = append(out.Rounds, r)
		out.WarmMS += r.MS
		cold += coldest
	}
	out.WarmMS += out.LocalMS
	out.ColdMS = out.WarmMS + cold + m.ColdStartMS + float64(p.own)/m.ColdLoadMBs/1e3
	bill.gb = float64(coordinatorMB) / 1024
	bill.add(1, out.WarmMS, 0, 0)
	out.CostPerMillion = 1e6 * bill.usd
	return out
}

// bill adds up what invocations cost.
type bill struct {
	m   *CostModel
	gb  float64
	usd float64
}

// add enters an invocation of so many milliseconds, which AWS rounds up, and its messages, which travel through S3 where they are too large. Where only a
// share of requests needs it, time and messages are those of all requests together, and so are more in each that does.
func (b *bill) add(share, ms float64, request, reply int64) {
	if share == 0 {
		return
	}
	usd := math.Ceil(ms/share)/1e3*b.gb*b.m.PriceGBs + b.m.PriceRequest
	for _, bytes := range []int64{request, reply} {
		if float64(bytes)/share > float64(b.m.InlineBytes) {
			usd += b.m.PriceS3Put + b.m.PriceS3Get
		}
	}
	b.usd += share * usd
}
