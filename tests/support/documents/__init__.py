"""What is compared with a document: contract, OpenAPI, schemas, playbooks."""
