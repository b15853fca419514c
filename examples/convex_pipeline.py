"""The manners of scikit-learn: pipelines, grid search, missing values, categories, class weights."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from consilience.methods.convex_networks import ConvexReLUClassifier

generator = np.random.default_rng(0)
frame = pd.DataFrame(
    {
        "age": generator.integers(18, 90, 400).astype(float),
        "income": generator.lognormal(10, 0.5, 400),
        "region": generator.choice(["north", "south", "east"], 400),
    }
)
interesting = (frame["age"] - 50).abs() * np.log(frame["income"]) / 10 + 4 * (frame["region"] == "south")
labels = np.where(interesting > np.quantile(interesting, 0.8), "yes", "no")
frame.loc[::25, "income"] = np.nan

columns = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "income"]),
    (OneHotEncoder(handle_unknown="ignore"), ["region"]),
)
model = make_pipeline(columns, ConvexReLUClassifier(class_weight="balanced", random_state=0))
grid = {"convexreluclassifier__n_gates": [0, 50, 200], "convexreluclassifier__alpha_ratio": [0.01, 0.1]}
search = GridSearchCV(model, grid, scoring="balanced_accuracy", cv=4).fit(frame, labels)

print("balanced accuracy by cross-validation")
for settings, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"  {score:.3f}  {settings}")
print("zero gates is a linear model; chosen:", search.best_params_)
