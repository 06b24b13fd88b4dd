from cbackprop.config import show_config as show_config
from cbackprop.network import Network as Network

__all__ = ["Network", "__version__", "show_config"]

__version__: str
