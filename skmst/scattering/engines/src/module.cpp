// The Python module of one instruction set: programs of float32 and float64, run without the interpreter's lock.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <ctime>

#include "adjoint.hpp"
#include "harmonics_module.hpp"

namespace py = pybind11;
using namespace skmst;

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
AxisMap<T> axis_map(int n, int n_out, int first, int step, const Array<T>& weights) {
    return AxisMap<T>(n, n_out, first, step, weights.data(), int(weights.size()));
}

// Numbers behind a contiguous array of real or complex numbers, which has to have a certain size.
template <class T>
const T* numbers(const py::array& array, std::size_t n, const char* name) {
    const bool fits = array.flags() & py::array::c_style && std::size_t(array.nbytes()) == n * sizeof(T);
    if (!fits) throw std::invalid_argument(std::string(name) + " is not contiguous or has another size than planned");
    return static_cast<const T*>(array.data());
}

// A program and the memory that its last run has left, so that short runs do not wait for new pages. There is no lock
// that a process which forks at that moment would hand on.
template <class T>
class Engine : public Program<T> {
public:
    using Program<T>::Program;

    ~Engine() { delete spare_.load(); }

    std::unique_ptr<Executor<T>> take() {
        std::unique_ptr<Executor<T>> spare(spare_.exchange(nullptr));
        return spare ? std::move(spare) : std::make_unique<Executor<T>>(*this);
    }
    void give_back(std::unique_ptr<Executor<T>> executor) {
        if (executor->bytes() <= SPARE_BYTES) executor.reset(spare_.exchange(executor.release()));
    }

private:
    static constexpr std::size_t SPARE_BYTES = std::size_t(32) << 20;  // long runs can wait for their pages

    std::atomic<Executor<T>*> spare_{nullptr};
};

template <class T>
void forward(Engine<T>& engine, const py::array& x, py::array out, int part, int n_parts) {
    const std::size_t n = x.shape(0), in = engine.points() * (engine.complex_fields ? 2 : 1);
    const std::size_t to = engine.n_coefficients() * (engine.complex_output() ? 2 : 1);
    const T* from = numbers<T>(x, n * in, "x");
    T* target = const_cast<T*>(numbers<T>(out, n * to, "out"));
    if (!out.writeable()) throw std::invalid_argument("out is read-only");
    py::gil_scoped_release unlocked;
    const std::vector<char> mine = engine.share(part, n_parts);
    auto executor = engine.take();
    for (std::size_t i = 0; i < n; ++i) executor->forward(from + i * in, target + i * to, mine, part == 0);
    engine.give_back(std::move(executor));
}

template <class T>
void pullback(const Engine<T>& engine, const py::array& x, const py::array& gradient, py::array out) {
    const std::size_t n = x.shape(0), in = engine.points() * (engine.complex_fields ? 2 : 1);
    const std::size_t to = engine.n_coefficients() * (engine.complex_output() ? 2 : 1);
    const T* from = numbers<T>(x, n * in, "x");
    const T* slope = numbers<T>(gradient, n * to, "gradient");
    T* target = const_cast<T*>(numbers<T>(out, n * in, "out"));
    if (!out.writeable()) throw std::invalid_argument("out is read-only");
    py::gil_scoped_release unlocked;
    Adjoint<T> adjoint(engine);
    for (std::size_t i = 0; i < n; ++i) adjoint.pullback(from + i * in, slope + i * to, target + i * in);
}

// Operations per second, 5 n log2(n) for n complex points, of the fastest transforms of square grids.
template <class T>
double fft_rate() {
    double best = 0;
    py::gil_scoped_release unlocked;
    for (int side : {40, 64, 80, 100, 144}) {
        const Grid<T> grid(1, side, side, false);
        const std::size_t size = grid.spectrum_size(1, false);
        const Arena arena((2 * size + grid.scratch()) * sizeof(T) + 1024);
        Cutter memory(arena.data());
        T *re = memory.take<T>(size), *im = memory.take<T>(size), *scratch = memory.take<T>(grid.scratch());
        for (int attempt = 0; attempt < 5; ++attempt) {
            const int repeats = 500000 / (side * side);
            const std::clock_t start = std::clock();
            for (int i = 0; i < repeats; ++i) grid.synthesise({re, im}, 1, scratch, [](int, std::size_t, T*) {});
            const double seconds = double(std::clock() - start) / CLOCKS_PER_SEC, points = double(side) * side;
            best = std::max(best, 5 * points * std::log2(points) * repeats / seconds);
        }
    }
    return best;
}

template <class T>
void define(py::module_& m, const char* name) {
    using P = Engine<T>;
    py::class_<P>(m, name)
        .def(py::init<bool, int, int>(), py::arg("complex_fields"), py::arg("rectifier"), py::arg("harmonic"))
        .def("add_grid", &P::add_grid, py::arg("shape"), py::arg("line"))
        .def("add_filters", &P::add_filters, py::arg("source"), py::arg("target"))
        .def("add_filter",
             [](P& p, int filters, const Array<double>& hat, Shape shape) {
                 if (std::size_t(hat.size()) != std::size_t(shape[0]) * shape[1] * shape[2])
                     throw std::invalid_argument("the filter does not have the size of its grid");
                 p.add_filter(filters, hat.data(), shape);
             })
        .def("add_pooling", &P::add_pooling)
        .def("add_low_pass", &P::add_low_pass)
        .def("add_branch", &P::add_branch, py::arg("parent"), py::arg("filters"), py::arg("pooling"), py::arg("parents"),
             py::arg("rows"))
        .def("finish", &P::finish, py::arg("grid"), py::arg("shape"), py::arg("extension"), py::arg("mean"),
             py::arg("gain"), py::arg("n_paths"))
        .def("forward", &forward<T>, py::arg("x"), py::arg("out"), py::arg("part") = 0, py::arg("n_parts") = 1)
        .def("pullback", &pullback<T>, py::arg("x"), py::arg("gradient"), py::arg("out"));
}

}  // namespace

PYBIND11_MODULE(SKMST_MODULE, m) {
    m.doc() = "Scattering transforms, compiled for one instruction set.";
    py::class_<AxisMap<float>>(m, "AxisMap32").def(py::init(&axis_map<float>));
    py::class_<AxisMap<double>>(m, "AxisMap64").def(py::init(&axis_map<double>));
    define<float>(m, "Program32");
    define<double>(m, "Program64");
    define_harmonics<float>(m, "Harmonics32");
    define_harmonics<double>(m, "Harmonics64");
    m.def("lanes", [] { return REGISTER_BYTES / sizeof(float); }, "Numbers of float32 in a register.");
    m.def("fft_rate", [](const py::dtype& dtype) { return dtype.itemsize() == 4 ? fft_rate<float>() : fft_rate<double>(); },
          "Operations per second of the fastest Fourier transforms of float32 or float64.");
}
