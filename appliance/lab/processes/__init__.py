"""The processes of a lab node: what each is, its launch, its supervision, whether it is up."""
