"""The store: people, conversations and messages in one database."""
# Signatures (being built); Who = Person | int | str (handle):
# class Store:
#     open(place: str | Path, *, embedder: Embedder = HashedNgrams(), summarise=extract, wait_s=10.0) -> Store   (classmethod, context manager), close()
#     add_person(handle, name, card="") -> Person; person(who) -> Person; people() -> list[Person]
#     request(a, b); accept(b, a); withdraw(a, b); contacts_of(who) -> list[Person]; requests_of(who) -> list[Person]
#     conversation(members, *, title="", began_at=None) -> int; join(conversation, who, at); leave(conversation, who, at)
#     members(conversation, at=None) -> list[Person]; title(conversation) -> str
#     add_messages(Iterable[NewMessage]) -> Added; edit(message, text, at); redact(message, at); label(message, label)
#     memory(who) -> Memory
#     forget(*, owner=None, conversation=None, messages=None) -> Receipt
#     reading() / writing() -> context manager of sqlalchemy.Connection: for the room's own tables (audit, accounts), never for agents
