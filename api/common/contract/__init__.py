"""Operations of an API: declaration, checks, errors, and the OpenAPI document made from them."""
