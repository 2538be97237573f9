# relume in a container, as an ordinary user:
#   docker build -t relume .
#   docker run --rm -v "$PWD:/photos" relume restore night.jpg
FROM rust:1.95-slim AS build
WORKDIR /relume
COPY . .
RUN cargo build --release --locked -p relume-cli

FROM debian:stable-slim
RUN useradd --create-home relume
COPY --from=build /relume/target/release/relume /usr/local/bin/relume
COPY LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt /usr/share/doc/relume/
USER relume
WORKDIR /photos
ENTRYPOINT ["relume"]
CMD ["help"]
