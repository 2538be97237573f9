import gradio
import relume


def better(photo, strength):
    return photo, relume.restore(photo, strength=strength)


inputs = [gradio.Image(type="pil", label="A dark photo"), gradio.Slider(0, 1, 1, label="Strength")]
result = gradio.ImageSlider(label="Before and after")
demo = gradio.Interface(better, inputs, result, title="relume", flagging_mode="never")
if __name__ == "__main__":
    demo.launch()
