//! End-to-end promises, one module each. Never mocks RabbitMQ, Azurite or ffmpeg.
