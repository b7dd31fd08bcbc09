"""Small ONNX models and what ONNX Runtime 1.23.2 computes for them; written with onnx 1.19.1, scikit-learn and skl2onnx."""
import base64, json, sys, warnings, numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh, TensorProto as T
warnings.filterwarnings("ignore")
OUT=sys.argv[1]; rng=np.random.default_rng(7)
def enc(a):
    if isinstance(a,list): raise SystemExit("list output")
    if a.dtype.kind in "OU": return {"dtype":"STRING","shape":list(a.shape),"strings":[str(s) for s in a.ravel()]}
    d={"float32":"F32","float64":"F64","int64":"I64","int32":"I32","bool":"BOOL"}[str(a.dtype)]
    return {"dtype":d,"shape":list(a.shape),"data":base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()}
def save(name,m,inputs,external=False,ir=8):
    if ir: m.ir_version=ir
    path=f"{OUT}/{name}.onnx"
    if external: onnx.save(m,path,save_as_external_data=True,all_tensors_to_one_file=True,location=f"{name}.data",size_threshold=64)
    else: onnx.save(m,path)
    s=ort.InferenceSession(path,providers=["CPUExecutionProvider"])
    outs=s.run(None,inputs); names=[o.name for o in s.get_outputs()]
    res={}
    for n,o in zip(names,outs):
        if isinstance(o,list): # ZipMap
            o=np.array([[r[k] for k in r] for r in o],dtype=np.float32)
        res[n]=enc(o)
    json.dump({"inputs":{k:enc(v) for k,v in inputs.items()},"outputs":res},open(f"{OUT}/{name}.json","w"))
    print(name,[ (n.op_type) for n in m.graph.node][:12])
def r(*s,scale=None,dt=np.float32): return (rng.standard_normal(s)*(scale or 1/np.sqrt(s[0]))).astype(dt)
def init(**kw): return [nh.from_array(v,k) for k,v in kw.items()]
def model(nodes,inits,i=("x",T.FLOAT,["N",12]),o=("y",T.FLOAT,None),opset=17,extra=()):
    g=h.make_graph(nodes,"g",[h.make_tensor_value_info(*i)],[h.make_tensor_value_info(*o)],inits)
    return h.make_model(g,opset_imports=[h.make_opsetid("",opset),*extra])
X=r(5,12,scale=1)
N=h.make_node
# activations over one pair of layers
acts={"Relu":(13,{}),"LeakyRelu":(16,{"alpha":.2}),"Elu":(6,{"alpha":.7}),"Selu":(6,{}),"Celu":(12,{"alpha":1.3}),"Sigmoid":(13,{}),"Tanh":(13,{}),
 "HardSigmoid":(6,{"alpha":.3}),"Softplus":(1,{}),"Softsign":(1,{}),"Gelu":(20,{}),"HardSwish":(14,{}),"Mish":(18,{}),"ThresholdedRelu":(10,{"alpha":.1}),"Erf":(13,{})}
for a,(since,attrs) in acts.items():
    op=max(since,13); 
    save("act-"+a.lower(),model([N("Gemm",["x","w1","b1"],["h"],transB=1),N(a,["h"],["z"],**attrs),N("MatMul",["z","w2"],["m"]),N("Add",["m","b2"],["y"])],
      init(w1=r(9,12,scale=.3),b1=r(9),w2=r(9,4),b2=r(4)),opset=op),{"x":X})
save("act-gelutanh",model([N("Gemm",["x","w1","b1"],["h"],transB=1),N("Gelu",["h"],["z"],approximate="tanh"),N("MatMul",["z","w2"],["y"])],init(w1=r(9,12,scale=.3),b1=r(9),w2=r(9,4)),opset=20),{"x":X})
# attributes of Gemm, old opsets
save("gemm-alpha-beta",model([N("Gemm",["x","w1","b1"],["h"],alpha=.5,beta=2.),N("Relu",["h"],["z"]),N("Gemm",["z","w2","b2"],["y"],alpha=1.5,beta=-.5,transB=1)],init(w1=r(12,9),b1=r(1,9),w2=r(4,9),b2=r(4))),{"x":X})
save("gemm-opset9",model([N("Gemm",["x","w1","b1"],["h"],transB=1),N("Relu",["h"],["z"]),N("Gemm",["z","w2","b2"],["m"],transB=1),N("Softmax",["m"],["y"],axis=1)],init(w1=r(9,12),b1=r(9),w2=r(4,9),b2=r(1)),opset=9),{"x":X},ir=4)
save("clip6",model([N("MatMul",["x","w1"],["h"]),N("Clip",["h"],["z"],min=-.5,max=.6),N("MatMul",["z","w2"],["y"])],init(w1=r(12,9),w2=r(9,4)),opset=8),{"x":X})
save("clip11",model([N("MatMul",["x","w1"],["h"]),N("Clip",["h","lo","hi"],["z"]),N("MatMul",["z","w2"],["y"])],init(w1=r(12,9),w2=r(9,4),lo=np.float32(-.5),hi=np.float32(.6)),opset=13),{"x":X})
# swish and decomposed gelu between, batch norm, prelu
save("silu",model([N("Gemm",["x","w1","b1"],["h"],transB=1),N("Sigmoid",["h"],["s"]),N("Mul",["h","s"],["z"]),N("Gemm",["z","w2"],["y"],transB=1)],init(w1=r(9,12),b1=r(9),w2=r(4,9))),{"x":X})
save("gelu-erf",model([N("MatMul",["x","w1"],["m"]),N("Add",["b1","m"],["h"]),N("Div",["h","q"],["d"]),N("Erf",["d"],["e"]),N("Add",["e","one"],["f"]),N("Mul",["h","f"],["g"]),N("Mul",["g","half"],["z"]),N("MatMul",["z","w2"],["y"])],
   init(w1=r(12,9),b1=r(9),w2=r(9,4),q=np.float32(np.sqrt(2)),one=np.float32(1),half=np.float32(.5))),{"x":X})
save("batchnorm",model([N("Gemm",["x","w1"],["h"]),N("BatchNormalization",["h","s","b","mu","v"],["n"],epsilon=1e-3),N("PRelu",["n","slope"],["z"]),N("MatMul",["z","w2"],["y"])],
   init(w1=r(12,9),s=r(9,scale=1),b=r(9,scale=1),mu=r(9,scale=1),v=np.abs(r(9,scale=1))+.1,slope=r(9,scale=1),w2=r(9,4))),{"x":X})
# five layers, LogSoftmax, weights as Constant nodes
def deep(kind):
    ws=[12,17,13,11,7,5]; nodes=[]; inits=[]; last="x"
    for i in range(5):
        w=nh.from_array(r(ws[i],ws[i+1]),f"w{i}"); b=nh.from_array(r(ws[i+1]),f"b{i}")
        for t in (w,b):
            if kind=="constants": nodes.append(N("Constant",[],[t.name],value=t))
            else: inits.append(t)
        nodes+= [N("MatMul",[last,f"w{i}"],[f"m{i}"]),N("Add",[f"m{i}",f"b{i}"],[f"a{i}"])]
        last=f"a{i}"
        if i<4: nodes.append(N(["Relu","Tanh","Sigmoid","Elu"][i],[last],[f"h{i}"])); last=f"h{i}"
    nodes.append(N("LogSoftmax",[last],["y"],axis=-1))
    return model(nodes,inits)
save("deep-constants",deep("constants"),{"x":X})
save("deep-external",deep("external"),{"x":X},external=True)
# torch-like: transposed constants, flatten by Shape/Gather/Concat/Reshape, dropout, identity
Xi=r(5,3,2,2,scale=1)
save("torchlike",model([N("Shape",["x"],["sh"]),N("Gather",["sh","zero"],["n"]),N("Unsqueeze",["n","axes"],["nu"]),N("Concat",["nu","minus"],["shape"],axis=0),N("Reshape",["x","shape"],["f"]),
   N("Transpose",["w1"],["w1t"],perm=[1,0]),N("MatMul",["f","w1t"],["m"]),N("Add",["m","b1"],["h"]),N("Relu",["h"],["z"]),N("Dropout",["z"],["zd"]),N("Identity",["w2"],["w2i"]),N("Gemm",["zd","w2i","b2"],["o"],transB=1),N("Identity",["o"],["y"])],
   init(zero=np.int64(0),axes=np.array([0],np.int64),minus=np.array([-1],np.int64),w1=r(9,12,scale=.3),b1=r(9),w2=r(4,9,scale=.3),b2=r(4)),i=("x",T.FLOAT,["N",3,2,2])),{"x":Xi})
# f16 weights cast at run time; double model; residual; two heads; scalar output per row; rank 3
save("cast-weights",model([N("Cast",["w1"],["w1f"],to=1),N("MatMul",["x","w1f"],["h"]),N("Relu",["h"],["z"]),N("MatMul",["z","w2"],["y"])],init(w1=r(12,9).astype(np.float16),w2=r(9,4))),{"x":X})
save("double",model([N("Gemm",["x","w1","b1"],["h"]),N("Tanh",["h"],["z"]),N("Gemm",["z","w2","b2"],["y"])],init(w1=r(12,9,dt=np.float64),b1=r(9,dt=np.float64),w2=r(9,4,dt=np.float64),b2=r(4,dt=np.float64)),i=("x",T.DOUBLE,["N",12]),o=("y",T.DOUBLE,["N",4])),{"x":X.astype(np.float64)})
save("residual",model([N("Gemm",["x","w0"],["i"]),N("Gemm",["i","w1","b1"],["h"]),N("Relu",["h"],["z"]),N("Gemm",["z","w2"],["o"]),N("Add",["o","i"],["s"]),N("Gemm",["s","w3"],["y"])],init(w0=r(12,10),w1=r(10,9),b1=r(9),w2=r(9,10),w3=r(10,4))),{"x":X})
g=h.make_graph([N("Gemm",["x","w1","b1"],["h"]),N("Relu",["h"],["z"]),N("Gemm",["z","wa"],["a"]),N("Gemm",["z","wb","bb"],["lb"]),N("Softmax",["lb"],["b"],axis=1),N("ArgMax",["b"],["label"],axis=1,keepdims=0)],"heads",
  [h.make_tensor_value_info("x",T.FLOAT,["N",12])],[h.make_tensor_value_info("a",T.FLOAT,["N",1]),h.make_tensor_value_info("b",T.FLOAT,["N",6]),h.make_tensor_value_info("label",T.INT64,["N"]),h.make_tensor_value_info("z",T.FLOAT,["N",9])],
  init(w1=r(12,9),b1=r(9),wa=r(9,1),wb=r(9,6),bb=r(6)))
save("heads",h.make_model(g,opset_imports=[h.make_opsetid("",17)]),{"x":X})
save("linear",model([N("MatMul",["x","w"],["m"]),N("Add",["m","b"],["y"])],init(w=r(12,1),b=r(1))),{"x":X})
save("rank3",model([N("MatMul",["x","w1"],["m"]),N("Add",["m","b1"],["h"]),N("Relu",["h"],["z"]),N("MatMul",["z","w2"],["o"]),N("Softmax",["o"],["y"],axis=-1)],init(w1=r(12,9),b1=r(9),w2=r(9,4)),i=("x",T.FLOAT,["N",3,12])),{"x":r(4,3,12,scale=1)})
g=h.make_graph([N("Gemm",["p","w1"],["h1"]),N("Relu",["h1"],["z1"]),N("Gemm",["q","w2"],["h2"]),N("Relu",["h2"],["z2"]),N("Concat",["z1","z2"],["c"],axis=1),N("Gemm",["c","w3","b3"],["y"])],"towers",
  [h.make_tensor_value_info("p",T.FLOAT,["N",12]),h.make_tensor_value_info("q",T.FLOAT,["N",7])],[h.make_tensor_value_info("y",T.FLOAT,["N",4])],init(w1=r(12,9),w2=r(7,8),w3=r(17,4),b3=r(4)))
save("towers",h.make_model(g,opset_imports=[h.make_opsetid("",17)]),{"p":X,"q":r(5,7,scale=1)})
save("fixed-batch",model([N("Gemm",["x","w1","b1"],["h"]),N("Relu",["h"],["z"]),N("Gemm",["z","w2"],["y"])],init(w1=r(12,9),b1=r(9),w2=r(9,4)),i=("x",T.FLOAT,[2,12])),{"x":X[:2]})
save("mixed-rows",model([N("ReduceMean",["x"],["mu"],axes=[0],keepdims=1),N("Sub",["x","mu"],["c"]),N("Gemm",["c","w1"],["h"]),N("Relu",["h"],["z"]),N("Gemm",["z","w2"],["y"])],init(w1=r(12,9),w2=r(9,4)),opset=13),{"x":X})
# scikit-learn
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.linear_model import *
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import *
from sklearn.datasets import load_iris
from skl2onnx import to_onnx
D,y=load_iris(return_X_y=True); D=D.astype(np.float32); ys=np.array(["setosa","versicolor","virginica"])[y]
S=D[::15]
def skl(name,m,X=S,dt=np.float32): save("skl-"+name,to_onnx(m,X[:1].astype(dt)),{"X":X.astype(dt)},ir=None)
skl("mlpc",MLPClassifier((8,5),max_iter=60,random_state=1).fit(D,y))
skl("mlpc-strings",MLPClassifier((8,),max_iter=60,random_state=1,activation="tanh").fit(D,ys))
skl("mlpc-binary",MLPClassifier((8,),max_iter=60,random_state=1,activation="logistic").fit(D,(y>0).astype(int)))
skl("mlpr",MLPRegressor(hidden_layer_sizes=(8,5),max_iter=60,random_state=1,activation="identity").fit(D,np.c_[y,y]))
skl("logistic",LogisticRegression(max_iter=300).fit(D,y))
skl("logistic-binary",LogisticRegression().fit(D,(y>0).astype(int)))
skl("logistic-strings",LogisticRegression(max_iter=300).fit(D,ys))
skl("linear",LinearRegression().fit(D,y))
skl("ridge-scaled-double",make_pipeline(StandardScaler(),Ridge()).fit(D,np.c_[y,y]),dt=np.float64)
skl("ridge-scaled",make_pipeline(StandardScaler(),Ridge()).fit(D,np.c_[y,y]))
skl("sgd",SGDClassifier(loss="log_loss",random_state=0).fit(D,y))
skl("pipe",make_pipeline(Normalizer(),MinMaxScaler(),MLPClassifier((6,),max_iter=60,random_state=1)).fit(D,y))
# operators of ai.onnx.ml as they are: one row of coefficients, transforms that are no operators, trees, several typed inputs
ML=[h.make_opsetid("ai.onnx.ml",3)]
def ml(name,op,outs,**kw):
    g=h.make_graph([h.make_node(op,["x"],[o for o,_,_ in outs],domain="ai.onnx.ml",**kw)],"g",[h.make_tensor_value_info("x",T.FLOAT,["N",12])],
      [h.make_tensor_value_info(o,t,["N"]+[f"{o}_{i}" for i in range(1,n)]) for o,t,n in outs])
    save("ml-"+name,h.make_model(g,opset_imports=[h.make_opsetid("",17)]+ML),{"x":X})
ml("linear-row","LinearClassifier",[("label",T.STRING,1),("scores",T.FLOAT,2)],coefficients=r(12).tolist(),intercepts=[0.2],classlabels_strings=["no","yes"],post_transform="LOGISTIC")
ml("linear-zero","LinearClassifier",[("label",T.INT64,1),("scores",T.FLOAT,2)],coefficients=r(36).tolist(),intercepts=[0.2,0,-.1],classlabels_ints=[5,6,9],post_transform="SOFTMAX_ZERO")
ml("regressor-logistic","LinearRegressor",[("y",T.FLOAT,2)],coefficients=r(12).tolist(),intercepts=[0.2],post_transform="LOGISTIC")
from sklearn.ensemble import RandomForestClassifier, GradientBoostingClassifier
from sklearn.compose import ColumnTransformer
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
skl("forest-strings",RandomForestClassifier(6,max_depth=4,random_state=1).fit(D,ys))
skl("boosting-binary",GradientBoostingClassifier(n_estimators=5,max_depth=2,random_state=1).fit(D,(y>0).astype(int)))
words=np.array(["red","green","blue"])[rng.integers(0,3,len(D))]
table=np.concatenate([D.astype(object),words[:,None].astype(object)],axis=1)
pipe=make_pipeline(ColumnTransformer([("n",StandardScaler(),[0,1,2,3]),("w",OneHotEncoder(handle_unknown="ignore"),[4])]),LogisticRegression(max_iter=300)).fit(table,ys)
save("skl-columns",to_onnx(pipe,initial_types=[("numbers",FloatTensorType([None,4])),("color",StringTensorType([None,1]))],target_opset=17),
  {"numbers":S,"color":np.array(["red","blue","violet"],object)[rng.integers(0,3,(len(S),1))]},ir=None)
# what only goes wrong when it is cut: an output of constants, Squeeze without axes where parts have one column, a look-up by rows before
# there was Where, an empty slice backwards, a slope that is larger than its input; and infinities without a bound
def several(name,nodes,inits,inputs,outs,opset,ir=8):
    g=h.make_graph(nodes,"g",[h.make_tensor_value_info(n,t,s) for n,t,s,_ in inputs],[h.make_tensor_value_info(o,t,None) for o,t in outs],inits)
    save("odd-"+name,h.make_model(g,opset_imports=[h.make_opsetid("",opset)]),{n:x for n,_,_,x in inputs},ir=ir)
GEMMS=[N("MatMul",["x","w1"],["h"]),N("Relu",["h"],["z"]),N("MatMul",["z","w2"],["y"])]
XIN=("x",T.FLOAT,["N",12],X)
def pair(): return init(w1=r(12,9),w2=r(9,4))
several("constant-output",GEMMS+[N("Identity",["c"],["k"]),N("Gather",["c","i"],["g"]),N("Compress",["c","b"],["p"])],pair()+init(c=r(7,5),i=np.array([2,0]),b=np.array([True,False,True])),[XIN],[("y",T.FLOAT),("k",T.FLOAT),("g",T.FLOAT),("p",T.FLOAT)],17)
several("squeeze",[N("MatMul",["x","w"],["m"]),N("Add",["m","b"],["a"]),N("Squeeze",["a"],["y"])],init(w=r(4,5),b=r(5)),[("x",T.FLOAT,[1,6,3,4],r(1,6,3,4,scale=1))],[("y",T.FLOAT)],17)
several("lookup-8",[N("Gather",["table","ids"],["e"]),N("MatMul",["e","w"],["y"])],init(table=r(40,3,scale=1),w=r(3,2)),[("ids",T.INT64,["N",2],rng.integers(0,40,(5,2)))],[("y",T.FLOAT)],8)
several("slice-empty",GEMMS+[N("Slice",["y","s","e","a","k"],["t"]),N("Slice",["t","s","e","a","l"],["u"]),N("MatMul",["v","t"],["p"]),N("MatMul",["v2","u"],["q"])],pair()+init(s=np.array([3]),e=np.array([3]),a=np.array([0]),k=np.array([-1]),l=np.array([-2]),v=r(2,0,scale=1),v2=r(2,0,scale=1)),[("x",T.FLOAT,[5,12],X)],[("y",T.FLOAT),("u",T.FLOAT),("p",T.FLOAT),("q",T.FLOAT)],17)
several("slope",GEMMS+[N("PRelu",["col","y"],["p"]),N("Tanh",["p"],["q"])],pair(),[XIN,("col",T.FLOAT,["N",1],r(5,1,scale=1))],[("y",T.FLOAT),("q",T.FLOAT)],17)
several("clip-infinite",GEMMS+[N("Log",["z"],["l"]),N("Clip",["l","","hi"],["a"]),N("Clip",["l"],["b"])],pair()+init(hi=np.float32(-.5)),[XIN],[("y",T.FLOAT),("a",T.FLOAT),("b",T.FLOAT)],17)
