"""Memory: the only reader of a store, bound to one owner."""
# Signatures (being built):
# class Memory:                      store.memory(person) -> Memory; no method takes an owner
#     owner: Person
#     search(query: Query) -> list[Hit]
#     recent(conversation: int | None = None, limit: int = 20) -> list[Message]      oldest first
#     around(message: int, k: int = 3) -> list[Message]                              with itself; [] if not the owner's
#     recall(text: str, top: int = 3) -> list[Episode]
#     message(number: int) -> Message | None                                         None too when it is another's
#     friends() -> list[Person]
#     rebuild_episodes() -> int                                                      how many were made
