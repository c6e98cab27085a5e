"""Who is asking: tokens, where they come from, and the places that may see them."""

from csgrepo.credentials.account import Account, account
from csgrepo.credentials.credentials import Credentials
from csgrepo.credentials.token_file import (
    delete_token,
    read_own_token,
    read_token,
    save_token,
)

__all__ = [
    "Account",
    "Credentials",
    "account",
    "delete_token",
    "read_own_token",
    "read_token",
    "save_token",
]
