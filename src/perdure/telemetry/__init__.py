"""What the engine tells of its work, as OpenTelemetry's spans and metrics. For the extra `otel`, and loaded when it is on."""
