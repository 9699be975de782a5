"""Dynamics with memory: discrete generalized master equations from data."""

from skmst.master_equation._predictor import MasterEquationPredictor

__all__ = ["MasterEquationPredictor"]
