package onnx

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/shardwise/shardwise/internal/tensor"
)

// Field numbers of onnx.proto, by message.
const (
	modelIRVersion       protowire.Number = 1
	modelProducer        protowire.Number = 2
	modelProducerVersion protowire.Number = 3
	modelGraph           protowire.Number = 7
	modelOpset           protowire.Number = 8
	modelMetadata        protowire.Number = 14
	modelFunction        protowire.Number = 25

	opsetDomain  protowire.Number = 1
	opsetVersion protowire.Number = 2

	entryKey   protowire.Number = 1
	entryValue protowire.Number = 2

	graphNode        protowire.Number = 1
	graphName        protowire.Number = 2
	graphInitializer protowire.Number = 5
	graphInput       protowire.Number = 11
	graphOutput      protowire.Number = 12
	graphSparse      protowire.Number = 15

	nodeInput     protowire.Number = 1
	nodeOutput    protowire.Number = 2
	nodeName      protowire.Number = 3
	nodeOp        protowire.Number = 4
	nodeAttribute protowire.Number = 5
	nodeDomain    protowire.Number = 7

	attrName          protowire.Number = 1
	attrFloat         protowire.Number = 2
	attrInt           protowire.Number = 3
	attrString        protowire.Number = 4
	attrTensor        protowire.Number = 5
	attrGraph         protowire.Number = 6
	attrFloats        protowire.Number = 7
	attrInts          protowire.Number = 8
	attrStrings       protowire.Number = 9
	attrTensors       protowire.Number = 10
	attrGraphs        protowire.Number = 11
	attrTypeProto     protowire.Number = 14
	attrTypeProtos    protowire.Number = 15
	attrType          protowire.Number = 20
	attrRef           protowire.Number = 21
	attrSparse        protowire.Number = 22
	attrSparseTensors protowire.Number = 23

	tensorDims       protowire.Number = 1
	tensorType       protowire.Number = 2
	tensorSegment    protowire.Number = 3
	tensorFloatData  protowire.Number = 4
	tensorInt32Data  protowire.Number = 5
	tensorStringData protowire.Number = 6
	tensorInt64Data  protowire.Number = 7
	tensorName       protowire.Number = 8
	tensorRaw        protowire.Number = 9
	tensorDoubleData protowire.Number = 10
	tensorUint64Data protowire.Number = 11
	tensorExternal   protowire.Number = 13
	tensorLocation   protowire.Number = 14

	valueName protowire.Number = 1
	valueType protowire.Number = 2

	typeTensor     protowire.Number = 1
	typeTensorElem protowire.Number = 1
	typeShape      protowire.Number = 2
	shapeDim       protowire.Number = 1
	dimValue       protowire.Number = 1
	dimParam       protowire.Number = 2
)

// AttributeProto.AttributeType.
const (
	attrTypeFloat   = 1
	attrTypeInt     = 2
	attrTypeString  = 3
	attrTypeTensor  = 4
	attrTypeGraph   = 5
	attrTypeFloats  = 6
	attrTypeInts    = 7
	attrTypeStrings = 8
)

// dtypes are TensorProto.DataType's numbers of the dtypes that Shardwise knows, by number.
func dtypeOf(number uint64) (tensor.DType, bool) {
	switch number {
	case 1:
		return tensor.F32, true
	case 2:
		return tensor.U8, true
	case 3:
		return tensor.I8, true
	case 4:
		return tensor.U16, true
	case 5:
		return tensor.I16, true
	case 6:
		return tensor.I32, true
	case 7:
		return tensor.I64, true
	case 8:
		return tensor.String, true
	case 9:
		return tensor.Bool, true
	case 10:
		return tensor.F16, true
	case 11:
		return tensor.F64, true
	case 12:
		return tensor.U32, true
	case 13:
		return tensor.U64, true
	case 16:
		return tensor.BF16, true
	}
	return tensor.Invalid, false
}

// DTypeOf gives the dtype of a TensorProto.DataType number, as operators such as Cast name it in attributes. It is
// false for the numbers that Shardwise does not know (complex, 8-bit floats, 4- and 2-bit integers).
func DTypeOf(number int64) (tensor.DType, bool) { return dtypeOf(uint64(number)) }

// TypeNumber is the inverse of DTypeOf; it is 0 for tensor.Invalid.
func TypeNumber(d tensor.DType) int64 {
	for n := range uint64(17) {
		if known, ok := dtypeOf(n); ok && known == d {
			return int64(n)
		}
	}
	return 0
}
