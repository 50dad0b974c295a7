"""GraphQL types, inputs, enums and unions, one file per noun. No SQL, no session, no cloud."""
