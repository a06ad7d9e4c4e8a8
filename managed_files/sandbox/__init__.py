"""Stand-ins for the providers: real HTTP servers, as strict as the real ones. Imports nothing of ours."""
