package plan

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/shardwise/shardwise/internal/jsondoc"
	"github.com/shardwise/shardwise/internal/price"
)

//go:embed costmodel.json
var defaultModel []byte

// CostModel are the constants that estimates rest on; costmodel.json names the source of each. Times are in milliseconds, rates in 10^6 bytes
// a second, prices in US dollars.
type CostModel struct {
	About   string            `json:"about"`
	Sources map[string]string `json:"sources"`

	RoundTripMS            float64 `json:"round_trip_ms"`              // a synchronous invocation of a warm function that does nothing, with no payload
	RoundTripPerDoublingMS float64 `json:"round_trip_per_doubling_ms"` // what the slowest of twice as many takes longer
	RequestMBs             float64 `json:"request_mb_s"`
	ReplyMBs               float64 `json:"reply_mb_s"`
	CodecMBs               float64 `json:"codec_mb_s"` // encoding and decoding of one message, at the coordinator one after the other
	GMACs                  float64 `json:"gmac_per_s_vcpu"`
	WeightsGBs             float64 `json:"weights_gb_s_vcpu"` // weights that are read once for few rows
	ElementsMs             float64 `json:"elements_m_s_vcpu"` // elements of results that are made, in millions a second
	NodeUS                 float64 `json:"node_us"`           // what a node takes however small it is
	LookupUS               float64 `json:"lookup_us"`         // what a row of a table takes however narrow it is
	MBPerVCPU              float64 `json:"mb_per_vcpu"`
	MaxVCPU                float64 `json:"max_vcpu"`
	ColdStartMS            float64 `json:"cold_start_ms"`
	ColdLoadMBs            float64 `json:"cold_load_mb_s"`
	InlineBytes            int64   `json:"inline_bytes"` // what fits into a message before base64; beyond it travels through S3
	S3FirstByteMS          float64 `json:"s3_first_byte_ms"`
	S3MBs                  float64 `json:"s3_mb_s"`
	PriceGBs               float64 `json:"price_gb_s"` // of internal/price, unless a file says otherwise; so the next
	PriceRequest           float64 `json:"price_request"`
	PriceS3Put             float64 `json:"price_s3_put"`
	PriceS3Get             float64 `json:"price_s3_get"`
}

// DefaultCostModel is the model that is built in.
func DefaultCostModel() *CostModel {
	m, err := ParseCostModel(defaultModel)
	if err != nil {
		panic("plan: the built-in cost model: " + err.Error())
	}
	return m
}

// ParseCostModel reads a cost model. Members that are absent keep their built-in value; unknown ones, rates that are not positive, times
// and prices below 0, and anything behind the model are an error.
func ParseCostModel(data []byte) (*CostModel, error) {
	m := &CostModel{PriceGBs: price.Duration(price.X86).USD, PriceRequest: price.Requests().USD}
	if err := json.Unmarshal(defaultModel, m); err != nil {
		return nil, err
	}
	if err := jsondoc.Decode(data, m); err != nil {
		return nil, fmt.Errorf("read the cost model: %w", err)
	}
	for name, v := range map[string]float64{
		"request_mb_s": m.RequestMBs, "reply_mb_s": m.ReplyMBs, "codec_mb_s": m.CodecMBs, "gmac_per_s_vcpu": m.GMACs, "weights_gb_s_vcpu": m.WeightsGBs,
		"elements_m_s_vcpu": m.ElementsMs, "mb_per_vcpu": m.MBPerVCPU, "max_vcpu": m.MaxVCPU, "cold_load_mb_s": m.ColdLoadMBs, "s3_mb_s": m.S3MBs, "inline_bytes": float64(m.InlineBytes),
	} {
		if !(v > 0) {
			return nil, fmt.Errorf("read the cost model: %s is %v, wanted a number above 0", name, v)
		}
	}
	for name, v := range map[string]float64{
		"round_trip_ms": m.RoundTripMS, "round_trip_per_doubling_ms": m.RoundTripPerDoublingMS, "node_us": m.NodeUS, "lookup_us": m.LookupUS,
		"cold_start_ms": m.ColdStartMS, "s3_first_byte_ms": m.S3FirstByteMS,
		"price_gb_s": m.PriceGBs, "price_request": m.PriceRequest, "price_s3_put": m.PriceS3Put, "price_s3_get": m.PriceS3Get,
	} {
		if v < 0 {
			return nil, fmt.Errorf("read the cost model: %s is %v, wanted no number below 0", name, v)
		}
	}
	return m, nil
}

// vcpu is the share of processors that a memory size gives.
func (m *CostModel) vcpu(memoryMB int) float64 {
	return min(max(float64(memoryMB)/m.MBPerVCPU, 0.05), m.MaxVCPU)
}

// roundTrip is the time of a scatter to n functions that do nothing.
func (m *CostModel) roundTrip(n int) float64 {
	return m.RoundTripMS + m.RoundTripPerDoublingMS*math.Log2(float64(max(n, 1)))
}

// wire is the time that one message takes on its way at the rate, through S3 where it does not fit.
func (m *CostModel) wire(bytes int64, mbs float64) float64 {
	if bytes > m.InlineBytes {
		return 2*m.S3FirstByteMS + 2*float64(bytes)/m.S3MBs/1e3
	}
	return float64(bytes) / mbs / 1e3
}

// codec is the time to encode and decode so many bytes, on one processor or the part of one that there is.
func (m *CostModel) codec(bytes int64, vcpu float64) float64 {
	return float64(bytes) / m.CodecMBs / 1e3 / min(vcpu, 1)
}

// compute is the time of so much work at so many processors.
func (m *CostModel) compute(w work, vcpu float64) float64 {
	arithmetic := w.macs / (m.GMACs * vcpu) / 1e6
	weights := w.weights / (m.WeightsGBs * min(vcpu, 2)) / 1e6
	return max(arithmetic, weights) + w.elements/(m.ElementsMs*vcpu)/1e3 + (w.nodes*m.NodeUS+w.lookups*m.LookupUS)/1e3/min(vcpu, 1)
}
