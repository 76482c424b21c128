"""Linear models of texts: TF-IDF of n-grams and logistic regression, with NumPy and SciPy."""

from hornbook.linear.logistic_regression import (
    LogisticRegression,
    fit_logistic_regression,
    log_loss,
)
from hornbook.linear.ngram_classifier import NgramClassifier, NgramTraining
from hornbook.linear.ngram_matcher import fit_ngram_matcher
from hornbook.linear.tf_idf import TfIdf

__all__ = [
    "LogisticRegression",
    "NgramClassifier",
    "NgramTraining",
    "TfIdf",
    "fit_logistic_regression",
    "fit_ngram_matcher",
    "log_loss",
]
