"""A class for each model of the registry, by the parameters that the registry declares. `_models.pyi` tells type checkers of them."""

from ._model import REGISTRY, class_name, model_class

__all__ = [class_name(name) for name in REGISTRY]

globals().update((class_name(name), model_class(name)) for name in REGISTRY)
