"""One model, three runtimes: scikit-learn, ONNX and PyTorch give the same labels, even on the edge of a gate."""

import numpy as np
import onnxruntime
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from consilience.methods.convex_networks import ConvexReLUClassifierCV

wine = load_wine()
X = StandardScaler().fit_transform(wine.data).astype(np.float32).astype(np.float64)
y = wine.target_names[wine.target]
model = ConvexReLUClassifierCV(random_state=0).fit(X, y)  # gates pass through rows of X: the hard case for an export

session = onnxruntime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
labels, probabilities = session.run(["label", "probabilities"], {"X": X.astype(np.float32)})
print("ONNX:    same labels:", bool(np.all(labels == model.predict(X))))
print("ONNX:    largest difference of a probability:", f"{np.abs(probabilities - model.predict_proba(X)).max():.1e}")

with torch.no_grad():
    decision = model.to_torch()(torch.tensor(X, dtype=torch.float32)).numpy()
print("PyTorch: largest difference of a decision:", f"{np.abs(decision - model.decision_function(X)).max():.1e}")
