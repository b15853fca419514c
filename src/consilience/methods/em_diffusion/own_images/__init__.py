"""What the room's verbs do with a user's own images: read them, learn a prior from them, restore them."""
