# relume in a container, as an ordinary user:
#   docker build -t relume .
#   docker run --rm -v "$PWD:/photos" relume restore night.jpg
# and the page, for this machine alone; the token is in the address that it prints:
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:7860:7860 -v relume:/data \
#       relume serve --host 0.0.0.0 --data /data
FROM rust:1.95-slim AS build
WORKDIR /relume
COPY . .
# With buckets and queues: docker build --build-arg FEATURES=cloud,queue
ARG FEATURES=
RUN cargo build --release --locked -p relume-cli --features "$FEATURES"

FROM debian:stable-slim
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home relume && install -d -o relume -g relume -m 700 /data
COPY --from=build /relume/target/release/relume /usr/local/bin/relume
COPY LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt /usr/share/doc/relume/
USER relume
WORKDIR /photos
VOLUME /data
EXPOSE 7860
ENTRYPOINT ["relume"]
CMD ["help"]
