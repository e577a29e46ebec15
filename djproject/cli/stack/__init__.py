"""The services of a project in Docker, and what is connected to them."""
