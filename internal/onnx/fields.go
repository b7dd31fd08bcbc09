package onnx

import "google.golang.org/protobuf/encoding/protowire"

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
	nodeOverload  protowire.Number = 8

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

	sparseValues  protowire.Number = 1
	sparseIndices protowire.Number = 2
	sparseDims    protowire.Number = 3

	functionName      protowire.Number = 1
	functionInput     protowire.Number = 4
	functionOutput    protowire.Number = 5
	functionAttr      protowire.Number = 6
	functionNode      protowire.Number = 7
	functionOpset     protowire.Number = 9
	functionDomain    protowire.Number = 10
	functionAttrProto protowire.Number = 11
	functionOverload  protowire.Number = 13

	valueName protowire.Number = 1
	valueType protowire.Number = 2

	typeTensor     protowire.Number = 1
	typeSequence   protowire.Number = 4
	typeMap        protowire.Number = 5
	typeOpaque     protowire.Number = 7
	typeSparse     protowire.Number = 8
	typeOptional   protowire.Number = 9
	typeTensorElem protowire.Number = 1
	typeShape      protowire.Number = 2
	shapeDim       protowire.Number = 1
	dimValue       protowire.Number = 1
	dimParam       protowire.Number = 2
)

// AttributeProto.AttributeType.
const (
	attrTypeFloat         = 1
	attrTypeInt           = 2
	attrTypeString        = 3
	attrTypeTensor        = 4
	attrTypeGraph         = 5
	attrTypeFloats        = 6
	attrTypeInts          = 7
	attrTypeStrings       = 8
	attrTypeTensors       = 9
	attrTypeGraphs        = 10
	attrTypeSparse        = 11
	attrTypeSparseTensors = 12
)
